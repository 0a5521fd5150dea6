"""The commands of `python -m kernels`: a module each, with `add(commands)` and `run(options)`; and what they share."""
