"""Planted faults: what the tests are tested with.

Each is one change to one file of kernels/, framework/, apps/ or lessons/. `python -m tests.faults` plants them, one at
a time, in a copy of the project and runs the tests of the place where they stand. Those must fail, and by a claim that
does not hold, not by a crash. The lists stand in kernels.py, framework.py, shares.py, apps.py and lessons.py; which
test finds which fault, in tests/README.md.
"""
