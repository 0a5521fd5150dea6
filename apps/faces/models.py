"""The detectors by name.

Each function takes a batch size and the pictures' (rows, columns), and returns a graph. Options: `matching`, how it
learns; `overlap`, the IoU above which the better of two detections stands for both; and, where there is a ResNet,
`frozen`, which keeps its normalization at the running averages it came with, for batches of one or two pictures.
"""

from collections.abc import Callable

from apps.faces.anchors import Anchors, geometric
from apps.faces.blocks import basic_block, bottleneck, conv_norm, feature_pyramid, resnet50
from apps.faces.ends import Head, finish, picture, prior
from apps.faces.matching import PAPER, PER_LEVEL, REFINED, Matching
from framework import layers
from framework.graph import Graph, Value

Size = tuple[int, int]
Body = Callable[[Value, str, str], Value]

OVERLAP = 0.4


def faceresnet(
    batch: int = 1, size: Size = (512, 512), matching: Matching = PAPER, overlap: float = OVERLAP, frozen: bool = False
) -> Graph:
    """Zozoulenko (2018), section 3.3.2: RetinaNet on a ResNet-50, P3 to P7, heads of 8 bottleneck blocks."""
    anchors = Anchors((8, 16, 32, 64, 128), geometric(16, 2 ** (1 / 3), levels=5), ratios=(1, 1 / 1.5))
    stages = resnet50(picture(Graph("faceresnet"), batch, size), "backbone.body", frozen)
    levels = feature_pyramid(stages, 256, "backbone.fpn")
    levels.append(layers.conv2d(levels[-1], 256, 3, 2, 1, name="backbone.fpn.extra_blocks.p6"))
    levels.append(layers.conv2d(layers.relu(levels[-1]), 256, 3, 2, 1, name="backbone.fpn.extra_blocks.p7"))

    def blocks(x, name, at):
        for block in range(8):
            x = bottleneck(x, 64, 1, f"{name}.{block}", at)
        return x

    # What passes through 8 residual blocks grows, so the predictions start nearer to zero than elsewhere.
    return finish(levels, *heads(anchors, blocks, blocks, 0.001), anchors, matching, overlap)


def facenet(
    batch: int = 1,
    size: Size = (512, 512),
    matching: Matching = PER_LEVEL,
    overlap: float = OVERLAP,
    frozen: bool = False,
) -> Graph:
    """Seed 001, section 3.5.2: the earlier detector, P3 to P6, heads of 3 and 2 convolutions."""
    # Twelve sizes from 14 to 220 pixels. The paper prints no ratios; with those of 2018 the finest level has the
    # "about 30 000 anchors" that it does print.
    anchors = Anchors((8, 16, 32, 64), geometric(14, (220 / 14) ** (1 / 11), levels=4), ratios=(1, 1 / 1.5))
    stages = resnet50(picture(Graph("facenet"), batch, size), "backbone.body", frozen)
    levels = feature_pyramid(stages, 256, "backbone.fpn")
    levels.append(layers.conv2d(levels[-1], 256, 3, 2, 1, name="backbone.fpn.extra_blocks.p6"))
    # "2 and 3 convolutions for the regression head and the classification head", the last of which predicts.
    return finish(levels, *heads(anchors, convolutions(2, 256), convolutions(1, 256)), anchors, matching, overlap)


def lite(batch: int = 1, size: Size = (320, 320), matching: Matching = REFINED, overlap: float = OVERLAP) -> Graph:
    """Ours: a residual network small enough to learn and to look on two CPU cores, P3 to P6, 3 anchors a cell."""
    anchors = Anchors((8, 16, 32, 64), geometric(16, 2 ** (1 / 3), levels=4), ratios=(1 / 1.25,))
    x = picture(Graph("lite"), batch, size)
    x = layers.relu(conv_norm(x, 16, 3, 2, "body.stem1.conv", "body.stem1.bn"))
    x = layers.relu(conv_norm(x, 32, 3, 2, "body.stem2.conv", "body.stem2.bn"))
    stages = [basic_block(x, 32, 1, "body.layer1.0")]
    for stage, (channels, blocks) in enumerate(((64, 2), (96, 2), (128, 2), (128, 1)), start=2):
        x = stages[-1]
        for block in range(blocks):
            x = basic_block(x, channels, 2 if block == 0 else 1, f"body.layer{stage}.{block}")
        stages.append(x)
    levels = feature_pyramid(stages[1:], 64, "fpn")

    def blocks_with_norm(x, name, at):
        for block in range(2):
            x = layers.relu(conv_norm(x, 64, 3, 1, f"{name}.{block}.conv", f"{name}.{block}.bn", at))
        return x

    return finish(levels, *heads(anchors, blocks_with_norm, blocks_with_norm), anchors, matching, overlap)


def heads(anchors: Anchors, classification: Body, regression: Body, deviation: float = 0.01) -> tuple[Head, Head]:
    """Two heads for finish: each body, and after it the convolution that predicts 2 or 4 numbers an anchor.

    These start as Lin et al. (2017), section 4.1: near zero, but for the bias that makes faces rare.
    """

    def head(name, body, columns, bias_start):
        def apply(x: Value, at: str) -> Value:
            x = body(x, f"head.{name}", at)
            channels, start = columns * anchors.per_cell, layers.normal(deviation)
            output = f"head.{name}.output"
            return layers.conv2d(x, channels, 3, 1, 1, name=output, at=at, start=start, bias_start=bias_start)

        return apply

    return (
        head("classification", classification, 2, prior(anchors.per_cell)),
        head("regression", regression, 4, layers.zeros),
    )


def convolutions(count: int, channels: int) -> Body:
    """So many 3x3 convolutions, each with ReLU. They start as Lin et al. (2017), section 4.1, has all of a head."""

    def body(x, name, at):
        for number in range(count):
            x = layers.conv2d(x, channels, 3, padding=1, name=f"{name}.{number}", at=at, start=layers.normal(0.01))
            x = layers.relu(x)
        return x

    return body


MODELS = {build.__name__: build for build in (lite, facenet, faceresnet)}
