"""What can be wrong with the data of an app."""


class DataError(ValueError):
    """Data that cannot be used: one line that names the file, what was found and what was expected."""
