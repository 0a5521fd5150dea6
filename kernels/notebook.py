"""An extension of IPython: notebooks written for Numba CUDA run where there is no GPU, their launches examined.

    %load_ext kernels.notebook

as the first line of the first cell gives the notebook a GPU. A fault in a kernel ends the cell that launches it, and
says where and what. %cuda with options of `python -m kernels run` holds for the cell that it stands in, which then
tells what it launched:

    %cuda --engine interpret --seed 1
    %cuda --count
"""

import re
import shlex
from typing import Any

from IPython.core.error import UsageError

from kernels.commands.command_line import Parser
from kernels.commands.run import add_count, add_engine
from kernels.gpu.driver.library import LibraryError
from kernels.gpu.programs import Session
from kernels.gpu.programs.counted import Counting
from kernels.gpu.programs.session import Faulty
from kernels.gpu.programs.text import counts_text, fault_text, notes_text, summary

CELL = re.compile(r"\S*ipykernel_\d+[/\\]\w+\.py|<ipython-input-[^>]*>")  # the file that a cell is compiled as


def load_ipython_extension(shell) -> None:
    """What %load_ext calls. Raises UsageError."""
    if "cuda" in shell.magics_manager.magics["line"]:  # loaded again
        return
    cells = Cells(shell)
    try:
        cells.session.begin()
    except LibraryError as error:
        raise UsageError(str(error)) from error
    shell.register_magic_function(cells.cuda)
    shell.events.register("post_run_cell", cells.end)
    shell.set_custom_exc(Faulty, cells.fault)


class Options(Parser):
    """Of %cuda: an error is one line in the cell, and ends it."""

    def error(self, message):
        raise UsageError(f"%cuda: {message}")


class Cells:
    """A session whose options each cell can set for itself."""

    def __init__(self, shell):
        self.shell, self.session = shell, Session()
        self.options = Options(prog="%cuda", add_help=False)
        add_engine(self.options)
        add_count(self.options)
        self.is_told = False

    def set(self, line: str) -> None:
        options, session = self.options.parse_args(shlex.split(line)), self.session
        session.engine, session.checked, session.seed = options.engine, options.check, options.seed
        session.counting = Counting(session.gpu.memory) if options.count else None

    def cuda(self, line: str) -> None:
        """%cuda [--engine emulate|interpret] [--no-check] [--seed N] [--count]: how the rest of this cell is run.

        --engine     emulate: kernels as they are compiled; interpret: their Python source
        --no-check   do without looking at accesses, for speed
        --seed N     run blocks and threads in another order
        --count      print what each kernel executes and what its accesses cost, by line of its source
        """
        self.set(line)
        self.is_told = True

    def end(self, result: Any = None) -> None:
        """Tell of what a cell has launched, and forget it, and its options."""
        session = self.session
        if text := counts_text(session):
            print(self.numbered(text), end="\n\n")
        if session.notes:
            print(self.numbered(notes_text(session)))
        if self.is_told:
            print(f"note    {summary(session)}")
        for kept in (session.launches, session.faults, session.notes):
            kept.clear()
        self.is_told = False
        self.set("")

    def fault(self, shell, kind, error, trace, tb_offset=None) -> list[str]:
        """Show below a cell, in place of a traceback, the fault that ended it; as the command tells it."""
        found = next((fault for fault in self.session.faults if fault.error is error), None)
        if found is None:
            text = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
        else:
            text = self.numbered(fault_text(found, self.session)).splitlines()
        shell._showtraceback(kind, error, text)
        return text

    def numbered(self, text: str) -> str:
        """The text, in which cells are called as they are in the notebook, as In[2]."""
        return CELL.sub(lambda file: (self.shell.compile.format_code_name(file[0]) or file.group(0, 0))[1], text)
