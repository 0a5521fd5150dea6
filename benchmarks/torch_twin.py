"""The same network in PyTorch: an oracle for tests, a yardstick for benchmarks."""

import torch
from torch.nn import functional as f

from framework import Graph
from kernels.operations.box_code import LARGEST_LOG_SIZE

# How PyTorch runs a node: (settings, arrays by the operation's own names) -> result, or one for each output. Beside
# the node's own the settings say whether this is `training`, and the `dtype` that the network computes in.
RUN = {
    "conv2d": lambda s, x, w, b: f.conv2d(x, w, b, s["stride"], s["padding"]),
    "linear": lambda s, x, w, b: x @ w if b is None else torch.addmm(b, x, w),
    "batchnorm": lambda s, x, gamma, beta, running_mean, running_var: f.batch_norm(
        x, running_mean, running_var, gamma, beta, s["training"], s["momentum"], s["epsilon"]
    ),
    "activation": lambda s, x: ACTIVATIONS[s["function"]](x),
    "maxpool2d": lambda s, x: f.max_pool2d(x, s["window"], s["stride"], s["padding"]),
    "avgpool2d": lambda s, x: f.avg_pool2d(x, s["window"], s["stride"], s["padding"]),
    "upsample2d": lambda s, x: f.interpolate(x, size=s["size"], mode=s["mode"]),
    "add": lambda s, a, b: a + b,
    "reshape": lambda s, x: x.reshape(s["shape"]),
    "transpose": lambda s, x: x.mT,
    "concat": lambda s, a, b: torch.cat([a, b], 1),
    "softmax": lambda s, x: torch.softmax(x, 1),
    "softmax_cross_entropy": lambda s, x, target: f.cross_entropy(x, target, reduction="none"),
    "reduce": lambda s, x: {"sum": torch.sum, "mean": torch.mean, "norm": torch.linalg.vector_norm}[s["how"]](x),
    "loss": lambda s, prediction, target: f.binary_cross_entropy(prediction, target, reduction="none").mean(1),
    "smooth_l1": lambda s, prediction, target, weight: (
        f.smooth_l1_loss(prediction, target, reduction="none", beta=s["beta"]).sum(1) * weight
    ),
    "focal_loss": lambda s, **arrays: focal_loss(s, **arrays),
    "normalise": lambda s, x: normalise(s, x),
    "match_anchors": lambda s, **arrays: match_anchors(s, **arrays),
    "encode_boxes": lambda s, **arrays: encode_boxes(s, **arrays),
    "assign_targets": lambda s, matched: assign_targets(s, matched),
    "topk": lambda s, x: torch.topk(x[:, :, s["column"]], s["k"]),
    "decode_boxes": lambda s, **arrays: decode_boxes(s, **arrays),
}
ACTIVATIONS = {
    "relu": torch.relu,
    "leaky_relu": f.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "arctan": torch.arctan,
}


class TorchTwin:
    """Runs a graph node by node with PyTorch's operations and autograd: `twin(**inputs)["loss"].backward()`.

    `arrays` are the network's parameters and running averages by name; `dtype` and `device` are PyTorch's.
    """

    def __init__(self, graph: Graph, arrays, dtype=torch.float32, device="cpu"):
        self.graph, self.dtype, self.device = graph, dtype, device
        self.parameters = {
            v.name: self._tensor(v, arrays[v.name]).clone().requires_grad_() for v in graph.of_role("parameter")
        }
        self.states = {v.name: self._tensor(v, arrays[v.name]).clone() for v in graph.of_role("state")}
        self.constants = {v.name: self._tensor(v, v.constant) for v in graph.of_role("constant")}
        self._plans = {}

    def __call__(self, outputs=("loss",), training=True, **inputs):
        """Outputs by name; with `training` batch statistics are used and running averages updated."""
        given = {name: self._tensor(self.graph.values[name], array) for name, array in inputs.items()}
        given |= {**self.parameters, **self.states, **self.constants}
        values = {self.graph.values[name]: tensor for name, tensor in given.items()}
        for node, finished in self._plan(outputs):
            read = {n: node.values[n] for n in (*node.operation.inputs, *node.operation.state)}
            arrays = {n: None if value is None else values[value] for n, value in read.items()}
            settings = {"training": training, "dtype": self.dtype, **node.settings}
            made = RUN[node.operation.name](settings, **arrays)
            values |= zip(node.outputs, made if len(node.outputs) > 1 else (made,), strict=True)
            for value in finished:
                del values[value]
        return {name: values[self.graph.outputs[name]] for name in outputs}

    def _tensor(self, value, array):
        tensor = torch.as_tensor(array, device=self.device)
        return tensor.to(self.dtype) if value.dtype == "float32" else tensor

    def _plan(self, outputs):
        """The nodes that outputs depend on, each with the results that it is the last to read."""
        if outputs not in self._plans:
            wanted, plan = {self.graph.outputs[name] for name in outputs}, []
            for node in reversed(self.graph.nodes):
                if not wanted.isdisjoint(node.outputs):
                    plan.append((node, [v for v in set(node.inputs) - wanted if v.role == "result"]))
                    wanted.update(node.inputs)
            self._plans[outputs] = plan[::-1]
        return self._plans[outputs]


def normalise(s, x):
    mean, std = (torch.tensor(s[name], dtype=s["dtype"], device=x.device) for name in ("mean", "std"))
    return ((x.to(s["dtype"]) / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()


def focal_loss(s, x, target):
    """With background in class 0, whose weight is 1."""
    log_p = torch.log_softmax(x, 1)
    weight = torch.full_like(target, s["alpha"])
    weight[:, 0] = 1
    return -(weight * target * (1 - log_p.exp()) ** s["gamma"] * log_p).sum(1)


def match_anchors(s, anchors, boxes, label):
    """Picture by picture and without the padding, as torchvision's Matcher is used."""
    return torch.stack([matched(s, anchors, *picture) for picture in zip(boxes, label, strict=True)])


def matched(s, anchors, boxes, label):
    """anchors (N, 4), boxes (M, 4), label (M,) -> (N,): an index of boxes, -1 for background, -2 for ignored."""
    faces = torch.nonzero(label == 1)[:, 0]
    found = anchors.new_full(anchors.shape[:1], -1, dtype=torch.int64)
    if len(faces):
        iou = intersection_over_union(anchors, boxes[faces])
        overlap, nearest = iou.max(1)
        found[overlap >= s["negative"]] = -2
        found = torch.where(overlap >= s["positive"], faces[nearest], found)
        if s["best"]:
            overlap, anchor = iou.max(0)
            claims = torch.zeros_like(iou)
            claims[anchor, torch.arange(len(faces), device=anchor.device)] = overlap
            overlap, nearest = claims.max(1)
            found = torch.where(overlap > 0, faces[nearest], found)
    if len(hidden := boxes[label == -1]):
        covered = (intersection(anchors, hidden) >= 0.5 * area(anchors)[:, None]).any(1)
        found[covered & (found < 0)] = -2
    return found


def intersection_over_union(a, b):
    shared = intersection(a, b)
    return shared / (area(a)[:, None] + area(b) - shared)


def intersection(a, b):
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    return (high - low).clamp(min=0).prod(2)


def area(boxes):
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def encode_boxes(s, boxes, matched, anchors):
    box = torch.gather(boxes, 1, matched.clamp(min=0)[:, :, None].expand(-1, -1, 4))
    if s["code"] == "corners":
        offsets = box - anchors
    else:
        (centre, size), (centre_a, size_a) = centre_and_size(box), centre_and_size(anchors)
        offsets = torch.cat([(centre - centre_a) / size_a, torch.log(size / size_a)], 2)
    return torch.where(matched[:, :, None] >= 0, offsets * offsets.new_tensor(s["weights"]), 0)


def decode_boxes(s, offsets, anchors, index):
    anchor = anchors[index]
    d = torch.gather(offsets, 1, index[:, :, None].expand(-1, -1, 4)) / offsets.new_tensor(s["weights"])
    if s["code"] == "corners":
        return d + anchor
    centre_a, size_a = centre_and_size(anchor)
    half = size_a * torch.exp(d[:, :, 2:].clamp(max=LARGEST_LOG_SIZE)) / 2
    centre = d[:, :, :2] * size_a + centre_a
    return torch.cat([centre - half, centre + half], 2)


def centre_and_size(boxes):
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low


def assign_targets(s, matched):
    """Targets and weights, with the counts of each level, or of all anchors where no levels are given."""
    target, weight = [], []
    for level in matched.split(s["levels"] or matched.shape[1], 1):
        one_hot = torch.stack([level == -1, level >= 0], 2).to(s["dtype"])
        face = one_hot[:, :, 1]
        positives = face.sum().clamp(min=1)
        target.append(one_hot / (one_hot.sum().clamp(min=1) if s["normalise"] == "anchors" else positives))
        weight.append(face / positives)
    return torch.cat(target, 1), torch.cat(weight, 1)
