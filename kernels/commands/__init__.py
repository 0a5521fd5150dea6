"""The commands of `python -m kernels`: a module each, with `add(subparsers)` and `run(options)`."""
