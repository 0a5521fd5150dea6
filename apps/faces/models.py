"""The detectors by name.

Each function takes a batch size and the pictures' (rows, columns), and returns a graph. Options: `matching`, how it
learns; and, where there is a ResNet, `frozen`, which keeps its normalization at the running averages it came with, for
batches of one or two pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass

from apps.faces.anchors import Anchors, geometric
from apps.faces.blocks import basic_block, bottleneck, conv_norm, feature_pyramid, resnet50
from apps.faces.ends import Head, finish, picture, prior
from apps.faces.matching import PAPER, PER_LEVEL, QUALITY, REFINED, Matching
from framework import layers
from framework.graph import Graph, Initial, Value

Size = tuple[int, int]
Body = Callable[[Value, str, str], Value]


def faceresnet(batch: int = 1, size: Size = (512, 512), matching: Matching = PAPER, frozen: bool = False) -> Graph:
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
    return finish(levels, heads(anchors, matching, blocks, blocks, 0.001), anchors, matching)


def facenet(
    batch: int = 1,
    size: Size = (512, 512),
    matching: Matching = PER_LEVEL,
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
    return finish(levels, heads(anchors, matching, convolutions(2, 256), convolutions(1, 256)), anchors, matching)


@dataclass(frozen=True)
class Widths:
    """How wide and deep a detector of ours is.

    stem        channels of the first convolutions, each of which halves the picture
    stages      (channels, residual blocks) from stride 4 on, each but the first at half the size of the one before
    levels      so many of the last stages are in the pyramid
    pyramid     its channels
    tower       3x3 convolutions of a head before the one that predicts
    shared      whether both heads have one tower
    sizes       sides of the anchors of a cell, in strides
    tiles       rows, and columns, in which each of them stands in a cell
    groups      of the group normalization in towers; 0 for batch normalization, level by level
    """

    stem: tuple[int, ...]
    stages: tuple[tuple[int, int], ...]
    levels: int
    pyramid: int
    tower: int
    shared: bool
    sizes: tuple[float, ...]
    tiles: tuple[int, ...] = ()
    groups: int = 0


LITE = Widths(
    stem=(16, 32),
    stages=((32, 1), (64, 2), (96, 2), (128, 2), (128, 1)),
    levels=4,
    pyramid=64,
    tower=2,
    shared=False,
    sizes=(2, 2 * 2 ** (1 / 3), 2 * 2 ** (2 / 3)),
)
SCOUT = Widths(
    stem=(16, 32),
    stages=((32, 1), (48, 3), (64, 2), (96, 2), (96, 1)),
    levels=4,
    pyramid=48,
    tower=2,
    shared=True,
    sizes=(1.25, 2.5),
    tiles=(2, 1),
)


def lite(batch: int = 1, size: Size = (320, 320), matching: Matching = REFINED) -> Graph:
    """Ours, the first: a residual network small enough to learn and to look on two CPU cores, P3 to P6."""
    return residual(Graph("lite"), LITE, batch, size, matching)


def scout(batch: int = 1, size: Size = (320, 320), matching: Matching = QUALITY) -> Graph:
    """Ours: half of lite, most of it at stride 8, small anchors twice as dense as cells, one tower for both heads."""
    return residual(Graph("scout"), SCOUT, batch, size, matching)


def residual(graph: Graph, widths: Widths, batch: int, size: Size, matching: Matching) -> Graph:
    """A residual network from stride 2 on, a pyramid on its last stages, and heads on all levels of it."""
    strides = tuple(8 * 2**level for level in range(widths.levels))
    sizes = tuple(tuple(size * stride for size in widths.sizes) for stride in strides)
    anchors = Anchors(strides, sizes, (1 / 1.25,), widths.tiles)
    x = picture(graph, batch, size)
    for number, channels in enumerate(widths.stem, start=1):
        x = layers.relu(conv_norm(x, channels, 3, 2, f"body.stem{number}.conv", f"body.stem{number}.bn"))
    stages = []
    for stage, (channels, blocks) in enumerate(widths.stages, start=1):
        for block in range(blocks):
            x = basic_block(x, channels, 2 if stage > 1 and block == 0 else 1, f"body.layer{stage}.{block}")
        stages.append(x)
    levels = feature_pyramid(stages[-widths.levels :], widths.pyramid, "fpn")

    def tower(x, name, at):
        for block in range(widths.tower):
            convolved = layers.conv2d(x, widths.pyramid, 3, 1, 1, bias=False, name=f"{name}.{block}.conv", at=at)
            norm = f"{name}.{block}.bn"
            if widths.groups:
                x = layers.groupnorm(convolved, widths.groups, name=norm, at=at)
            else:
                x = layers.batchnorm(convolved, name=f"{norm}.{at}")
            x = layers.relu(x)
        return x

    predict = heads(anchors, matching, tower, None if widths.shared else tower)
    return finish(levels, predict, anchors, matching)


def heads(
    anchors: Anchors, matching: Matching, classification: Body, regression: Body | None, deviation: float = 0.01
) -> Head:
    """What finish needs: each body, and after it the convolution that predicts the logits or offsets of each anchor.

    Without a second body both predict from what the first makes. The last convolutions start as in Lin et al. (2017),
    section 4.1: near zero, but for the bias that makes faces rare.
    """

    def predict(x: Value, at: str) -> tuple[Value, Value]:
        seen = classification(x, "head.classification" if regression else "head", at)
        placed = regression(x, "head.regression", at) if regression else seen
        rare = prior(anchors.per_cell, matching.columns)
        logits = output(seen, "classification", matching.columns, rare, at)
        return logits, output(placed, "regression", 4, layers.zeros, at)

    def output(x: Value, name: str, columns: int, bias_start: Initial, at: str) -> Value:
        channels, start, name = columns * anchors.per_cell, layers.normal(deviation), f"head.{name}.output"
        return layers.conv2d(x, channels, 3, 1, 1, name=name, at=at, start=start, bias_start=bias_start)

    return predict


def convolutions(count: int, channels: int) -> Body:
    """So many 3x3 convolutions, each with ReLU. They start as Lin et al. (2017), section 4.1, has all of a head."""

    def body(x, name, at):
        for number in range(count):
            x = layers.conv2d(x, channels, 3, padding=1, name=f"{name}.{number}", at=at, start=layers.normal(0.01))
            x = layers.relu(x)
        return x

    return body


MODELS = {build.__name__: build for build in (scout, lite, facenet, faceresnet)}
