"""Methods of libraries, wrapped while a session runs."""

import functools


def wrap(owner, name, wrapper) -> None:
    """Replace a method by one that gets the original before its own arguments."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*arguments, **keywords):
        __tracebackhide__ = True  # from pytest, which shows the program's frames alone
        return wrapper(original, *arguments, **keywords)

    setattr(owner, name, wrapped)
