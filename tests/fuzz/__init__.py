"""Readers, given what nobody would write: each takes an input, or refuses it in one line, soon and with little memory.

    python -m tests.fuzz --target idx --seconds 60      or all targets, one after the other: make fuzz SECONDS=600

What a reader is and what it may raise stands in targets/, a file each, with inputs to begin with. judge.py tries one
input. worker.py tries many, in a process of its own, as one may kill it: guided by coverage where atheris is installed,
else at random (mutate.py). run.py watches it, through a board of shared memory that has the input it is at (board.py).

Every input that was ever found to be taken wrongly stays in corpus/, and test_fuzz.py tries them all again.
"""
