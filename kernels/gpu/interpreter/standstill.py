"""Whether threads that loop still get anywhere: what they hold and see, to be compared with what it was before.

Threads are executed in an order that is fixed. If all they hold and see is what it was at an earlier time, they do
again what they did then, and for ever.
"""

import numpy as np


def state(waiting, generators):
    """All that decides what threads will do, as a number: where each waits, its variables, the arrays that it sees."""
    arrays: dict[int, int] = {}
    return hash(tuple(_of_thread(*thread, arrays) for thread in zip(waiting, generators, strict=True)))


def _of_thread(event, generator, arrays):
    if event is None:
        return None
    held = (
        [] if type(event) is tuple and event[0] == "loop" else [repr(event)]
    )  # a looping thread's event counts its turns
    while generator is not None and generator.gi_frame is not None:
        frame = generator.gi_frame
        held.append(frame.f_lasti)
        for name, value in frame.f_locals.items():
            if name not in ("$thread", "$turn"):
                held.append(_content(value, arrays))
        generator = generator.gi_yieldfrom
    return tuple(held)


def place(data):
    """Where a view lies in its array: which it is, as well as what it holds, decides what a thread will do."""
    return data.__array_interface__["data"][0] if data.base is not None else 0


def _content(value, arrays):
    data = getattr(value, "values", getattr(value, "data", None)) if not isinstance(value, np.ndarray) else value
    if not isinstance(data, dict | np.ndarray):
        return repr(value)  # NaN is NaN here
    if id(value) not in arrays:
        arrays[id(value)] = hash((data.tobytes(), place(data)) if isinstance(data, np.ndarray) else repr(data))
    return arrays[id(value)]
