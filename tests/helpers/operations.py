"""What the generic tests run over: the operations that compute something, and the rungs of their ladders."""

from kernels.commands.targets import Target
from kernels.cpu.ladder import Ladder
from kernels.operation import all_operations

OPERATIONS = {name: o for name, o in all_operations().items() if not o.view}
WITH_LADDERS = {name: o for name, o in OPERATIONS.items() if o.has("cuda")}
DIFFERENTIABLE = [name for name, o in OPERATIONS.items() if o.gradients]


def rungs(direction):
    """(name, number of the rung) of every rung that a ladder of this direction has."""
    having = [name for name, operation in OPERATIONS.items() if direction in operation.directions]
    return [(name, rung) for name in having for rung in Target(OPERATIONS[name], direction).rungs]


def cpu_rungs(name, direction):
    """The algorithms of the rungs of a ladder in cpu.py, the highest last; only None where there is but one way."""
    ladder = getattr(OPERATIONS[name].implementation("cpu"), direction)
    return [rung.name for rung in ladder.rungs] if isinstance(ladder, Ladder) else [None]


def all_cpu_rungs(direction):
    """(name, algorithm) of every operation that has this direction."""
    having = [name for name, operation in OPERATIONS.items() if direction in operation.directions]
    return [(name, algorithm) for name in having for algorithm in cpu_rungs(name, direction)]


FORWARD_RUNGS, BACKWARD_RUNGS = rungs("forward"), rungs("backward")
CPU_FORWARD_RUNGS, CPU_BACKWARD_RUNGS = all_cpu_rungs("forward"), all_cpu_rungs("backward")
