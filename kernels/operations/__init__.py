"""The exhibits: one folder an operation, and beside them, as modules, what families of operations share."""
