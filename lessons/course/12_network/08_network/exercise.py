"""A network that runs on kernels of your own, and on nothing else."""

from framework import Graph, layers


def network(batch):
    """Digits (batch, 1, 28, 28), from 0 to 1, and one-hot targets (batch, 10) -> `logits` and `loss`."""
    graph = Graph("mine")
    x = graph.input("image", (batch, 1, 28, 28))
    target = graph.input("target", (batch, 10))
    ...  # layers, up to ten numbers for each example
    logits = graph.output("logits", x)
    losses = graph.add("softmax_cross_entropy", x=logits, target=target)
    graph.output("loss", layers.mean(losses))
    return graph
