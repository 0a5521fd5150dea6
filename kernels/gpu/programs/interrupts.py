"""Ctrl-C while a kernel runs: Python raises KeyboardInterrupt once machine code returns, which may be in an hour."""

import os
import signal
import sys
import threading

PATIENCE = 1.0  # seconds that Python has to answer
STATUS = 128 + signal.SIGINT


def watch(patience: float = PATIENCE) -> None:
    """End this process at an interrupt that Python does not answer; programs with handlers of their own are let be."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    answered = threading.Event()

    def answer(number, frame):
        answered.set()
        signal.default_int_handler(number, frame)

    def wait():
        while told := os.read(reader, 1):
            if told[0] != signal.SIGINT or signal.getsignal(signal.SIGINT) is not answer:
                continue
            if not answered.wait(patience):
                sys.stdout.flush()
                print("kernels run: interrupted", file=sys.__stderr__, flush=True)
                os._exit(STATUS)
            answered.clear()

    signal.signal(signal.SIGINT, answer)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=wait, daemon=True).start()
