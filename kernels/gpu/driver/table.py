"""The functions of the driver: Python functions that C calls, with what a call of each looks like.

    @function(POINTER(c_uint64), c_size_t)
    def cuMemAlloc(where, size):
        where[0] = gpu().memory.allocate(size).address

Each returns 0, CUDA_SUCCESS, unless it raises: a DriverError has the code that C gets, and may have a line to be shown.
What else is raised is an error of this project; it is shown, and C gets CUDA_ERROR_UNKNOWN.
"""

import _thread
import ctypes
import sys
import threading
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """CUresult: the codes that are returned here."""

    SUCCESS = 0
    INVALID_VALUE = 1
    OUT_OF_MEMORY = 2
    NOT_INITIALIZED = 3
    INVALID_DEVICE = 101
    INVALID_IMAGE = 200
    INVALID_CONTEXT = 201
    INVALID_PTX = 218
    FILE_NOT_FOUND = 301
    INVALID_HANDLE = 400
    NOT_FOUND = 500
    NOT_READY = 600
    ILLEGAL_ADDRESS = 700
    HOST_MEMORY_ALREADY_REGISTERED = 712
    HOST_MEMORY_NOT_REGISTERED = 713
    LAUNCH_FAILED = 719
    COOPERATIVE_LAUNCH_TOO_LARGE = 720
    NOT_SUPPORTED = 801
    STREAM_CAPTURE_UNSUPPORTED = 900
    STREAM_CAPTURE_INVALIDATED = 901
    UNKNOWN = 999


class DriverError(Exception):
    """What a function of the driver refuses: the code that C gets, and what a person is told beside it, if anything."""

    def __init__(self, code: Code, problem: str = ""):
        self.code, self.problem = code, problem
        super().__init__(problem or code.name)


FUNCTIONS: dict[str, Any] = {}  # ctypes functions by name
SOON = 0.05  # seconds
ONE_AT_A_TIME = threading.RLock()  # whichever threads call; a thread that is called back may call again


def function(*kinds: Any) -> Callable:
    """Decorator: make a function of the driver, of arguments of these ctypes."""

    def add(call):
        def guarded(*arguments):
            try:
                with ONE_AT_A_TIME:
                    call(*arguments)
            except DriverError as error:
                if error.problem:
                    print(f"{call.__name__}: {error.problem}", file=sys.stderr)
                return int(error.code)
            except KeyboardInterrupt:  # it cannot pass through C: it comes again when that has returned
                threading.Timer(SOON, _thread.interrupt_main).start()
                return int(Code.UNKNOWN)
            except Exception:
                traceback.print_exc()
                return int(Code.UNKNOWN)
            return 0

        FUNCTIONS[call.__name__] = ctypes.CFUNCTYPE(ctypes.c_int, *kinds)(guarded)
        return call

    return add


# Functions that take other arguments since a version of CUDA, 1000 * major + 10 * minor.
SINCE = {
    "cuCtxCreate_v4": 12050,
    "cuCtxGetDevice_v2": 13000,
    "cuCtxSynchronize_v2": 13000,
    "cuStreamGetCaptureInfo_v3": 12030,
    "cuStreamGetCtx_v2": 12050,
}


def of_version(name: str, version: int) -> str:
    """What a function is called here whose arguments are those of a version of CUDA."""
    newer = [full for full, since in SINCE.items() if full.rpartition("_")[0] == name and since <= version]
    return max(newer, key=SINCE.__getitem__, default=name)


def exported() -> dict[str, Any]:
    """All functions under the names that they are looked up by: headers give some of them a version."""
    return {f"{name}_v2": each for name, each in FUNCTIONS.items()} | FUNCTIONS
