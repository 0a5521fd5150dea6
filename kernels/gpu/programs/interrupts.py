"""Ctrl-C while a kernel runs: Python raises KeyboardInterrupt once machine code returns, which may be in an hour."""

import os
import signal
import sys
import threading
import time

from kernels.gpu.programs.children import leave
from kernels.interrupts import SIGNALS

PATIENCE = 1.0  # seconds in which a launch may come to its end


def watch(session) -> None:
    """End this process at a signal that asks for it, if a launch of the Session does not end by that.

    Programs that handle the signal themselves are left to do so.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    threading.Thread(target=wait, args=(session, reader, handlers), daemon=True).start()


def wait(session, reader: int, handlers: dict) -> None:
    """Read the numbers of signals as they come."""
    while told := os.read(reader, 1):
        number, running = told[0], session.running
        if not running or number not in handlers or signal.getsignal(number) is not handlers[number]:
            continue
        time.sleep(PATIENCE)
        if session.running == running:
            sys.stdout.flush()
            print("kernels run: interrupted", file=sys.__stderr__, flush=True)
            leave(session, os.getpid())
            os._exit(128 + number)
