"""What goes wrong with PTX: before it runs, and while it does."""


class PtxError(Exception):
    """PTX that cannot be executed, found before anything runs: one line, with the line of the text it is about."""

    def __init__(self, problem: str, line: int | None = None):
        self.problem, self.line = problem, line
        super().__init__(f"PTX line {line}: {problem}" if line else problem)


class EmulatorError(RuntimeError):
    """What compiled code did wrong while it ran: one line that names kernel, block, thread and instruction."""
