"""Weights files: any bytes where a network's learned numbers are expected."""

import re
import struct

from safetensors.numpy import save

from tests.fuzz.target import Target, instrumented

with instrumented("framework.checkpoint", "framework.weights"):
    from framework import Graph, Model, checkpoint, weights
    from framework.checkpoint import CheckpointError
    from framework.layers import flatten, linear, softmax_classifier


HEAD = re.compile(rb".{7}\0\{.*?\}\} *", re.DOTALL)


def tiny(batch: int) -> Graph:
    graph = Graph("tiny")
    softmax_classifier(linear(flatten(graph.input("image", (batch, 2, 2, 1), "float32")), 3))
    return graph


def seeds():
    tensors = Model(tiny, "reference").parameters.download()
    facts = {"model": "tiny"}
    yield save(tensors, facts | {"checksum": checkpoint.checksum(tensors, facts)})
    for facts in ({}, {"model": "tiny"}, {"model": "tiny", "checksum": "0" * 64}):
        yield save(tensors, facts)


def attempt(data, folder):
    """The length of the head, which the first eight bytes say, is made right where it is not far off."""
    path = folder / "weights.safetensors"
    if head := HEAD.match(data):
        data = struct.pack("<Q", head.end() - 8) + data[8:]
    path.write_bytes(data)
    weights.load(path, {"tiny": tiny}, "reference")


WORDS = (b'"__metadata__":{', b'"dtype":"F32"', b'"BF16"', b'"F8_E4M3"', b'"I64"', b'"shape":[', b'"data_offsets":[0,')
TARGET = Target(attempt, (CheckpointError,), seeds, WORDS)
