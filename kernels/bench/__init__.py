"""What is done to an operation from outside: it is tried on arrays, fuzzed, timed."""
