"""The graph runner. Knows order, shapes, buffers and devices; knows no equation."""

import kernels  # noqa: F401  first: see there
from framework.graph import Graph, GraphError, Node, Value
from framework.model import Model
from framework.optimizer import Optimizer
from framework.plan import Plan
from framework.program import Program
from framework.summary import Summary
from kernels.device import Device, DeviceError, find_device

__all__ = [
    "Device",
    "DeviceError",
    "Graph",
    "GraphError",
    "Model",
    "Node",
    "Optimizer",
    "Plan",
    "Program",
    "Summary",
    "Value",
    "find_device",
]
