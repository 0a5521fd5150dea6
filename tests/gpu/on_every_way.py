"""One kernel run in every way that needs no GPU: interpreted in both modes, and emulated. All must write the same."""

from numpy.lib.recfunctions import repack_fields

from tests.gpu.alike import pretended_gpu

WAYS = ("interpret", "checked", "emulate")


def content(array):
    """The bytes of an array; of records those that lie between their fields left out."""
    return (array if array.dtype.names is None else repack_fields(array, recurse=True)).tobytes()


def run_everywhere(kernel, *inputs, grid=1, block=1, shared=0, ways=WAYS):
    """What a kernel writes into its inputs, which are copied for each way to run it: in all the same bits."""
    results = []
    for way in ways:
        arrays = [array.copy() for array in inputs]
        launch = kernel[grid, block, shared](*arrays)
        with pretended_gpu():
            launch.emulate() if way == "emulate" else launch.interpret(way == "checked")
        results.append(arrays)
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            assert content(one) == content(another), (kernel.name, one, another)
    return results[0]
