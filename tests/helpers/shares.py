"""Devices that share a batch, one after the other: what each computes of its share, with sums added up between them."""

from kernels.device import find_device
from kernels.operation import all_operations


def run(kind, name, direction="forward", **given):
    """An operation on what another has computed: nothing is rounded on the way, not by the reference either."""
    operation = all_operations()[name]
    return find_device(kind).run(operation, direction, {**operation.settings, **given})


def values_of_channel(shares):
    return sum(x.size for x in shares) // shares[0].shape[1]


def normalized(kind, shares, **channels):
    """What batch normalization computes of each share x; `channels` is what it takes besides, settings included."""
    sums = sum(run(kind, "channel_sums", x=x)["sums"] for x in shares)
    count = values_of_channel(shares)
    return [run(kind, "batchnorm_of_sums", x=x, sums=sums, count=count, **channels) for x in shares]


def delta_errors(kind, shares, deltas, made, **channels):
    """dx of each share x, given its dy, and what `normalized` made of it; `channels` are gamma and beta."""
    given = [
        {"x": x, "dy": dy, **channels, "mean": each["mean"], "inverse_std": each["inverse_std"]}
        for x, dy, each in zip(shares, deltas, made, strict=True)
    ]
    own = [run(kind, "batchnorm", "backward", **each) for each in given]
    sums = {name: sum(each[name] for each in own) for name in ("dgamma", "dbeta")}
    count = values_of_channel(shares)
    return [run(kind, "batchnorm_delta", **each, **sums, count=count)["dx"] for each in given]
