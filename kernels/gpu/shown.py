"""What Python prints above an error: the line of the kernel that it is about, and none of the interpreter's own frames.

    Traceback (most recent call last):
      File "reverse.py", line 17, in <module>
        reverse[2, 64](x, np.empty_like(x)).interpret()
      File "reverse.py", line 12, in reverse
        y[cuda.blockIdx.x * BLOCK + i] = shared[BLOCK - 1 - i]

Of the frames between these two one is left, that of the method which was called. Whoever works on the interpreter wants
all of them: HANDWRITTEN_DEBUG=1 in the environment, or --debug on the command line.
"""

import ast
import linecache
from contextlib import suppress

from kernels.debugging import is_debugging


def shown(error):
    """An error that is to be raised again, its traceback cut to the line of the kernel, if it is about one."""
    if is_debugging():
        return error
    site = getattr(error, "site", None)
    return error.with_traceback(frame_at(site.file, site.line, error.kernel) if site else None)


def cause(error):
    """What an error is raised from, for `raise shown(error) from cause(error)`: nothing, unless all is to be seen."""
    return error.__cause__ if is_debugging() else None


def frame_at(file, line, name):
    """A traceback of one frame: a line of a file, in a function. None for a line that cannot be read."""
    text = linecache.getline(file, line).rstrip()
    if not text:
        return None
    # The instruction covers the line as a whole, so that Python marks no part of it.
    place = {"lineno": line, "end_lineno": line, "col_offset": len(text) - len(text.lstrip())}
    place["end_col_offset"] = len(text.encode())
    statement = ast.Raise(ast.Name("error", ast.Load(), **place), None, **place)
    code = compile(ast.Module([statement], []), file, "exec").replace(co_name=name, co_qualname=name)
    raised = Exception()
    with suppress(Exception):
        exec(code, {"error": raised})
    here = raised.__traceback__
    return here and here.tb_next
