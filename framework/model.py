"""A network on a device: what it has learned, and the programs that run it."""

from collections.abc import Callable, Mapping

from framework.graph import Graph, GraphError
from framework.optimizer import Optimizer
from framework.parameters import Arrays, Parameters
from framework.plan import Plan
from framework.program import Program
from framework.ranks import Ranks
from framework.sharing import Share
from kernels.device import Device, find_device

Build = Callable[..., Graph]


class Model:
    """A network: `build(batch)` describes it for a batch size, and all programs share its parameters.

    model = Model(cnn6, device="auto", seed=1)
    step = model.training(batch=50, optimizer=Optimizer("sgd"))
    predict = model.inference(batch=1, outputs=("probabilities",))

    It starts from random numbers that the seed decides, or from `weights`, as `model.parameters.download()` gives
    them; raises ParameterError for those of another network. What else a network can be built for, such as the size of
    its pictures, is handed on to `build` by name.
    """

    def __init__(self, build: Build, device: Device | str = "auto", seed: int = 0, weights: Arrays | None = None):
        if not callable(build):
            raise GraphError(f"build {build!r} must be a function of the batch size that returns a Graph")
        self.build = build
        self.device = find_device(device) if isinstance(device, str) else device
        graph = build(1)
        if not isinstance(graph, Graph):
            raise GraphError(f"build: {_called(build)} must return a Graph; it returned {graph!r}")
        self.name = graph.name
        self.parameters = Parameters(graph, self.device, seed, weights)

    def __repr__(self):
        return f"model {self.name}: {self.parameters!r}"

    def training(
        self,
        batch: int,
        optimizer: Optimizer | None = None,
        outputs=("loss",),
        reuse: bool = True,
        algorithms: Mapping[str, str] | None = None,
        ranks: Ranks | None = None,
        bucket: int | None = None,
        **build,
    ) -> Program:
        """A program that computes the loss and all gradients, and makes one step if given an optimizer.

        It goes the same ways as another, bit for bit, where it is given the `algorithms` of that program. With several
        `ranks` it takes this rank's share of the batch, and computes together with theirs what one would of the whole;
        see Program for them and for `bucket`. Raises RanksError where there are more ranks than examples.
        """
        mine, share = batch, None
        if ranks and ranks.size > 1:
            mine = len(ranks.rows(batch))
            share = Share(mine, batch)
        graph = self.build(mine, **build)
        plan = Plan(graph, outputs, objective="loss", dtype=self.device.dtype, reuse=reuse, share=share)
        return Program(plan, self.parameters, optimizer, algorithms, ranks, bucket)

    def inference(self, batch: int, outputs=("probabilities",), reuse: bool = True, **build) -> Program:
        """A program that computes outputs only, with running averages in place of those of the batch.

        On a CPU a convolution takes in what follows it, see framework/fusion.py.
        """
        fuse = self.device.name == "cpu"
        plan = Plan(self.build(batch, **build), outputs, dtype=self.device.dtype, reuse=reuse, fuse=fuse)
        return Program(plan, self.parameters)


def _called(build: Build) -> str:
    return getattr(build, "__name__", repr(build))
