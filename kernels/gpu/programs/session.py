"""A program's launches, executed one after another; what went wrong in them, and what they counted."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numba.core import config

from kernels.gpu.driver import Gpu, install
from kernels.gpu.driver.launched import Launched
from kernels.gpu.driver.memory import Allocation
from kernels.gpu.driver.place import place
from kernels.gpu.driver.table import Code, DriverError
from kernels.gpu.emulator import EmulatorError, PtxError
from kernels.gpu.interpreter import KernelError
from kernels.gpu.programs.arguments import undeclared
from kernels.gpu.programs.calling import Calling
from kernels.gpu.programs.counted import Counting
from kernels.gpu.shown import shown
from kernels.gpu.source import SourceError

ENGINES = ("emulate", "interpret")
Three = tuple[int, int, int]
Faulty = (KernelError, EmulatorError, PtxError, SourceError)


@dataclass
class Launch:
    """A launch that has been executed: which kernel, how large, by which engine, and how long that took."""

    kernel: str
    grid: Three
    block: Three
    shared_bytes: int
    engine: str
    place: str = ""  # where the program launched it, as file:line
    seconds: float = 0.0
    fault: str | None = None
    counts: int | None = None  # which of the session's counts is of launches like this, from 0 on


@dataclass
class Fault:
    """What ended a launch, or would have: an error of the engine, and the number of the launch, from 1 on."""

    error: Exception
    launch: int

    @property
    def is_refused(self) -> bool:
        """Whether it is not the kernel that is wrong, but the engine that cannot execute it."""
        from kernels.gpu.interpreter import Unsupported

        return isinstance(self.error, PtxError | SourceError | Unsupported)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        error = self.error
        site = getattr(error, "site", None)
        return {
            "kind": type(error).__name__,
            "launch": self.launch,
            "message": str(error),
            **{name: getattr(error, name, None) for name in ("kernel", "block", "thread", "array", "index")},
            "file": site.file if site else None,
            "line": site.line if site else None,
        }


class Asked(threading.local):
    """What a thread of the program asks the compiler's host side for: a function, its launch, or to fill an array."""

    function: Callable | None = None
    calling: Calling | None = None
    is_filling: bool = False


@dataclass
class Session:
    """Runs programs on a GPU that is not there.

    engine        "emulate": kernels as they are compiled; "interpret": their source
    checked       whether what a GPU would not notice is refused
    seed          of another order of blocks and threads; None for that of their numbers
    keep_going    whether a fault only ends its launch; else the program gets it as an exception
    counted       whether is counted what each launch executes
    capability    the GPU's, (9, 0) for sm_90
    """

    engine: str = "emulate"
    checked: bool = True
    seed: int | None = None
    keep_going: bool = False
    capability: tuple[int, int] = (9, 0)
    counted: bool = False
    launches: list[Launch] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what is no fault, but may be none of what was meant
    running: int = 0  # the number of the launch that is being executed, from 1 on
    asked: Asked = field(default_factory=Asked)
    counting: Counting | None = None  # of what each launch executes, if that is counted
    folder: Path | None = None  # what processes that are started find and leave, see children.py
    told: Callable[[Launch], None] | None = None  # who is told of each launch that has been executed

    @property
    def architecture(self) -> str:
        """Of the GPU, as "sm_90"."""
        return "sm_{}{}".format(*self.capability)

    @property
    def needs_lines(self) -> bool:
        """Whether messages, or counts, name lines of the source."""
        return self.checked or self.counted

    def begin(self) -> None:
        """From now on this process has a GPU. Raises LibraryError."""
        from kernels.gpu.programs import mlir_host, numba_host

        sys.meta_path[:] = [each for each in sys.meta_path if type(each).__module__ != "sitecustomize"]  # child_site.py
        self.gpu = Gpu(self.capability, self.execute, unwritten=self.brought)
        self.counting = Counting(self.gpu.memory) if self.counted else None
        install(self.gpu)
        numba_host.join(self)
        mlir_host.join(self)

    def execute(self, launched: Launched) -> None:
        """What the driver calls for each launch. Raises DriverError, as it does not get the program's exceptions."""
        from kernels.gpu.programs.emulated import Emulated, emulate

        calling, self.asked.calling = self.asked.calling, None
        name = (calling and calling.name) or launched.kernel.name
        launch = Launch(name, launched.grid, launched.block, launched.shared_bytes, "emulate", place())
        with self.recorded(launch):
            if self.counting:
                self.counting.begin(Emulated(self.gpu, launched, calling, self.architecture))
            emulate(self.gpu, launched, calling, self.checked, self.seed)

    def refused(self, dispatcher, args, configuration) -> bool:
        """Whether a dispatcher of Numba's is called with other arguments than it is declared for: a fault.

        Raises DriverError, as `execute` does.
        """
        problem = undeclared(dispatcher, args)
        if problem:
            with self.recorded(self.asked_for(dispatcher, configuration, self.engine)):
                raise problem
        return bool(problem)

    @staticmethod
    def asked_for(dispatcher, configuration, engine: str) -> Launch:
        """The launch that a dispatcher of Numba's is asked for."""
        sizes = configuration.griddim, configuration.blockdim, configuration.sharedmem
        return Launch(dispatcher.py_func.__name__, *sizes, engine, place())

    def interpreted(self, dispatcher, args, configuration) -> bool:
        """Execute what a dispatcher of Numba's is called with, from its source, if that is asked for and kept.

        Raises DriverError, as `execute` does.
        """
        from kernels.gpu.programs.interpreted import interpret, is_to_be_compiled, kernel_of

        if self.engine != "interpret":
            return False
        try:
            kernel_of(dispatcher.py_func)
            if is_to_be_compiled(dispatcher, args, configuration):
                return False
        except SourceError:
            return False
        with self.recorded(self.asked_for(dispatcher, configuration, "interpret")):
            interpret(self, dispatcher, args, configuration)
        return True

    def recorded(self, launch: Launch) -> "Recorded":
        """A context in which a launch is executed; its fault, if it has one, is kept."""
        return Recorded(self, launch)

    def brought(self, found: Allocation, missing: int, size: int) -> None:
        """Note a copy to the host of memory that nobody has written, unless it is of Numba's own making."""
        if self.asked.is_filling:
            return
        whose = f"the array allocated at {found.place}" if found.place else "an array"
        text = f"copied to the host at {place()}: {missing:,} of {size:,} bytes that nobody wrote, of {whose}"
        if text not in self.notes:
            self.notes.append(text)

    def raise_fault(self, before: int, error: Exception) -> None:
        """Raise the fault that a function of the driver reported as an error, if there is one after so many."""
        __tracebackhide__ = True
        if len(self.faults) > before:
            self.gpu.failed = None
            raise shown(self.faults[-1].error) from None
        raise error

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what was launched, and what went wrong."""
        return {
            "engine": self.engine,
            "checked": self.checked,
            "seed": self.seed,
            "capability": list(self.capability),
            "launches": [asdict(each) for each in self.launches],
            "counts": [each.as_dict() for each in self.counting.counts] if self.counting else [],
            "notes": self.notes,
            "faults": [each.as_dict() for each in self.faults],
        }


def withheld_dumps() -> dict[str, Any]:
    """What Numba is asked to print of all that it compiles is asked no more; returns what was.

    Or it would print the functions of this project that execute a kernel, after the kernel itself.
    """
    dumps = {name: value for name, value in vars(config).items() if name.startswith("DUMP_") and value}
    vars(config).update(dict.fromkeys(dumps, 0))
    return dumps


class Recorded:
    """Measures a launch, and turns what an engine raises into what the driver returns."""

    def __init__(self, session: Session, launch: Launch):
        self.session, self.launch = session, launch

    def __enter__(self):
        self.session.launches.append(self.launch)
        self.session.running = len(self.session.launches)
        self.dumps = withheld_dumps()
        self.began = time.perf_counter()
        return self.launch

    def __exit__(self, kind, error, trace):
        session, launch = self.session, self.launch
        launch.seconds = time.perf_counter() - self.began
        vars(config).update(self.dumps)
        session.running = 0
        if session.counting and error is None:
            launch.counts = session.counting.end(len(session.launches))
        elif session.counting:
            session.counting.drop()
        if session.told:
            session.told(launch)
        if error is None or not isinstance(error, Faulty):
            return False
        session.faults.append(Fault(error, len(session.launches)))
        launch.fault = str(error)
        if session.keep_going:
            return True
        session.gpu.failed = Code.LAUNCH_FAILED
        raise DriverError(Code.LAUNCH_FAILED) from error
