"""Programs that were written for Numba CUDA, run as they are where there is no GPU, and examined.

    session = Session(engine="emulate", checked=True)
    session.begin()
    ...                 # the program: whatever it launches is executed here
    session.faults      # what went wrong on the GPU that is not there

Below is the driver (kernels/gpu/driver), to which each launch comes as PTX and bytes; beside it stands what Numba tells
of it (numba_host.py): the function, its arguments by name, the source. Then an engine executes the launch: emulated.py
as it is compiled, interpreted.py from its source.
"""

from kernels.gpu.programs.session import ENGINES, Fault, Session

__all__ = ["ENGINES", "Fault", "Session"]
