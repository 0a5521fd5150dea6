"""What the detectors are made of: residual blocks, a ResNet-50, the feature pyramid, and heads for all its levels.

Names of parameters are torchvision's where it has the same part.
"""

from framework import layers
from framework.graph import Value


def conv_norm(
    x: Value, channels: int, kernel: int, stride: int, conv: str, norm: str, at: str = "", frozen: bool = False
) -> Value:
    """Convolution without bias that keeps the size divided by the stride, then batch normalization.

    Where weights are shared (`at`), each place keeps statistics, scale and shift of its own: pyramid levels differ
    in theirs, and averages over all levels would fit none (Tan et al., 2020, EfficientDet, do the same).
    """
    x = layers.conv2d(x, channels, kernel, stride, kernel // 2, bias=False, name=conv, at=at)
    settings = {"training": False} if frozen else {}
    return layers.batchnorm(x, name=f"{norm}.{at}" if at else norm, **settings)


def shortcut(x: Value, y: Value, stride: int, name: str, frozen: bool = False) -> Value:
    """What a residual block adds to its result: x itself, or a 1x1 convolution of it where shapes differ."""
    if x.shape == y.shape:
        return x
    return conv_norm(x, y.shape[1], 1, stride, f"{name}.downsample.0", f"{name}.downsample.1", frozen=frozen)


def basic_block(x: Value, channels: int, stride: int, name: str) -> Value:
    """Two 3x3 convolutions and a shortcut: He et al. (2016), figure 5, left."""
    y = layers.relu(conv_norm(x, channels, 3, stride, f"{name}.conv1", f"{name}.bn1"))
    y = conv_norm(y, channels, 3, 1, f"{name}.conv2", f"{name}.bn2")
    return layers.relu(layers.add(y, shortcut(x, y, stride, name)), name=name)


def bottleneck(x: Value, channels: int, stride: int, name: str, at: str = "", frozen: bool = False) -> Value:
    """1x1 down to `channels`, 3x3, 1x1 up to four times as many, and a shortcut: He et al. (2016), figure 5, right.

    The stride is in the 3x3 convolution, as torchvision and its weights have it.
    """
    y = layers.relu(conv_norm(x, channels, 1, 1, f"{name}.conv1", f"{name}.bn1", at, frozen))
    y = layers.relu(conv_norm(y, channels, 3, stride, f"{name}.conv2", f"{name}.bn2", at, frozen))
    y = conv_norm(y, 4 * channels, 1, 1, f"{name}.conv3", f"{name}.bn3", at, frozen)
    return layers.relu(layers.add(y, shortcut(x, y, stride, name, frozen)), name=f"{name}@{at}" if at else name)


def resnet50(x: Value, name: str, frozen: bool = False) -> list[Value]:
    """The last feature maps at strides 8, 16 and 32 (C3, C4, C5): He et al. (2016), table 1."""
    x = layers.relu(conv_norm(x, 64, 7, 2, f"{name}.conv1", f"{name}.bn1", frozen=frozen))
    x = layers.pool(x, "max", 3, 2, padding=1)
    stages = []
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = bottleneck(x, 64 * 2**stage, stride, f"{name}.layer{stage + 1}.{block}", frozen=frozen)
        stages.append(x)
    return stages[1:]


def feature_pyramid(stages: list[Value], channels: int, name: str, mode: str = "nearest") -> list[Value]:
    """Maps of equal depth, each with what the coarser ones know: Lin et al. (2017), Feature Pyramid Networks, fig. 3.

    From the coarsest down: a 1x1 convolution of the stage plus the level above at twice its size; then 3x3.
    """
    levels: list[Value] = []
    above = None
    for number in reversed(range(len(stages))):
        level = layers.conv2d(stages[number], channels, 1, name=f"{name}.inner_blocks.{number}.0")
        if above is not None:
            level = layers.add(level, layers.upsample(above, level.shape[2:], mode))
        above = level
        levels.append(layers.conv2d(level, channels, 3, padding=1, name=f"{name}.layer_blocks.{number}.0"))
    return levels[::-1]


def channels_last(x: Value, columns: int) -> Value:
    """Predictions (R, A * columns, H, W) -> (R, H * W * A, columns): one row an anchor, cell after cell."""
    R, C, H, W = x.shape
    x = x.graph.add("transpose", x=layers.reshape(x, R, C, H * W))
    return layers.reshape(x, R, H * W * C // columns, columns)


def joined(levels: list[Value]) -> Value:
    """Rows of all levels in one array, the finest first.

    From the coarsest on, so that the finest level, most of all rows, is copied once.
    """
    x = levels[-1]
    for level in levels[-2::-1]:
        x = x.graph.add("concat", a=level, b=x)
    return x
