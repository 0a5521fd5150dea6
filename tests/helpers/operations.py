"""What the generic tests run over: the operations that compute something, and the rungs of their ladders."""

from kernels.commands.targets import Target
from kernels.operation import all_operations

OPERATIONS = {name: o for name, o in all_operations().items() if not o.view}
WITH_LADDERS = {name: o for name, o in OPERATIONS.items() if o.has("cuda")}
DIFFERENTIABLE = [name for name, o in OPERATIONS.items() if o.gradients]


def rungs(direction):
    """(name, number of the rung) of every rung that a ladder of this direction has."""
    having = [name for name, operation in OPERATIONS.items() if direction in operation.directions]
    return [(name, rung) for name in having for rung in Target(OPERATIONS[name], direction).rungs]


FORWARD_RUNGS, BACKWARD_RUNGS = rungs("forward"), rungs("backward")
