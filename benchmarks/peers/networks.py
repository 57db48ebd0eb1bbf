"""The peers, from their published shapes; batch norm folded, weights random.

MoViNet-A0 stream (arXiv 2103.11511, table of A0; (2+1)D, hard swish, causal squeeze and excitation, as its TFLite);
TSM-MobileNetV2 online (arXiv 1811.08383: an eighth of the channels of ten blocks comes from the frame before);
X3D-XS (arXiv 2004.04730, table 1 with its XS expansion); R(2+1)D-18 (arXiv 1711.11248, torchvision's form); a pose
network like MoveNet lightning (its model card: MobileNetV2 1.0, a feature pyramid to stride 4, CenterNet's heads), and
a classifier of 16 poses. MobileNetV2: arXiv 1801.04381, table 2.
"""

from __future__ import annotations

import onnx

from benchmarks.peers.graph import Graph, Value

# Blocks of MoViNet-A0: per stage, channels out, then kernel in time, in space and expanded channels of every block.
MOVINET_A0 = (
    (8, ((1, 5, 24),)),
    (32, ((3, 3, 80), (3, 3, 80), (3, 3, 80))),
    (56, ((5, 3, 184), (3, 3, 112), (3, 3, 184))),
    (56, ((5, 3, 184), (3, 3, 184), (3, 3, 184), (3, 3, 184))),
    (104, ((5, 3, 384), (1, 5, 280), (1, 5, 280), (1, 5, 344))),
)
MOVINET_STRIDES = (2, 2, 2, 1, 2)
MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
X3D_STAGES = ((3, 24, 54), (5, 48, 108), (11, 96, 216), (7, 192, 432))  # blocks, channels, inside
KEYPOINTS = 17


def movinet_a0_stream() -> onnx.ModelProto:
    """A frame [1,3,172,172], its states, to 600 classes; states go round."""
    g = Graph("movinet_a0_stream")
    x = g.hard_swish(g.conv(g.input(1, 3, 172, 172), 8, (3, 3), (2, 2)))
    for (channels, blocks), stride in zip(MOVINET_A0, MOVINET_STRIDES, strict=True):
        for i, (time, space, expanded) in enumerate(blocks):
            x = _movinet_block(g, x, channels, time, space, expanded, stride if i == 0 else 1)
    x = _running_mean(g, g.hard_swish(g.conv(x, 480, (1, 1))))
    g.output(g.dense(g.hard_swish(g.dense(g.reshaped(x, 1, 480), 2048)), 600))
    return g.model()


def _movinet_block(g: Graph, x: Value, channels: int, time: int, space: int, expanded: int, stride: int) -> Value:
    y = g.hard_swish(g.conv(x, expanded, (1, 1)))
    y = g.hard_swish(g.depthwise(y, (space, space), (stride, stride)))
    if time > 1:
        y = g.hard_swish(_over_time(g, y, time))
    squeezed = g.hard_swish(g.conv(_running_mean(g, y), max(8, round(expanded / 32) * 8), (1, 1)))
    y = g.conv(g.times(y, g.hard_sigmoid(g.conv(squeezed, expanded, (1, 1)))), channels, (1, 1))
    if stride > 1:
        x = g.averaged(x, (3, 3), (stride, stride), (1, 1))
    return g.plus(y, x if x.shape[1] == channels else g.conv(x, channels, (1, 1)))


def _over_time(g: Graph, x: Value, time: int) -> Value:
    """Depthwise over this frame and the `time` - 1 before it, which are the state."""
    _, channels, height, width = x.shape
    now = g.reshaped(x, 1, channels, 1, height * width)
    seen = g.joined(g.input(1, channels, time - 1, height * width), now, 2)
    g.output(g.part(seen, 1, time, 2))
    return g.reshaped(g.depthwise(seen, (time, 1), pad=(0, 0)), *x.shape)


def _running_mean(g: Graph, x: Value) -> Value:
    """The stream's average so far; the state is its sum, its inverse count an input."""
    total = g.plus(g.mean(x), g.input(1, x.shape[1], 1, 1))
    g.output(total)
    return g.times(total, g.input(1, 1, 1, 1))


def tsm_mobilenet() -> onnx.ModelProto:
    """A frame [1,3,224,224], with ten shifts, to 27 classes."""
    g = Graph("tsm_mobilenet_v2")
    x, _ = _mobilenet(g, g.input(1, 3, 224, 224), shifted=True)
    x = g.relu6(g.conv(x, 1280, (1, 1)))
    g.output(g.dense(g.reshaped(g.mean(x), 1, 1280), 27))
    return g.model()


def _mobilenet(g: Graph, x: Value, shifted: bool) -> tuple[Value, list[Value]]:
    """The last block's output, and the last of every stride from 4 on."""
    x = g.relu6(g.conv(x, 32, (3, 3), (2, 2)))
    ends: list[Value] = []
    for factor, channels, blocks, stride in MOBILENET:
        for i in range(blocks):
            step = stride if i == 0 else 1
            if step == 2:
                ends.append(x)
            x = _inverted_residual(g, x, factor, channels, step, shifted)
    return x, [*ends[1:], x]  # the first is of stride 2


def _inverted_residual(g: Graph, x: Value, factor: int, channels: int, stride: int, shifted: bool) -> Value:
    residual = stride == 1 and x.shape[1] == channels
    y = _shifted(g, x) if shifted and residual else x
    if factor > 1:
        y = g.relu6(g.conv(y, factor * x.shape[1], (1, 1)))
    y = g.conv(g.relu6(g.depthwise(y, (3, 3), (stride, stride))), channels, (1, 1))
    return g.plus(x, y) if residual else y


def _shifted(g: Graph, x: Value) -> Value:
    """The first eighth of the channels from the frame before."""
    share = x.shape[1] // 8
    before = g.input(1, share, *x.shape[2:])
    g.output(g.part(x, 0, share, 1))
    return g.joined(before, g.part(x, share, x.shape[1], 1), 1)


def x3d_xs() -> onnx.ModelProto:
    """A clip [1,3,4,160,160] to 400 classes."""
    g = Graph("x3d_xs")
    x = g.conv(g.input(1, 3, 4, 160, 160), 24, (1, 3, 3), (1, 2, 2))
    x = g.relu(g.depthwise(x, (5, 1, 1)))
    for blocks, channels, inside in X3D_STAGES:
        for i in range(blocks):
            x = _x3d_block(g, x, channels, inside, 2 if i == 0 else 1, squeezed=i % 2 == 0)
    x = g.mean(g.relu(g.conv(x, 432, (1, 1, 1))))
    g.output(g.dense(g.relu(g.dense(g.reshaped(x, 1, 432), 2048)), 400))
    return g.model()


def _x3d_block(g: Graph, x: Value, channels: int, inside: int, stride: int, squeezed: bool) -> Value:
    y = g.relu(g.conv(x, inside, (1, 1, 1)))
    y = g.depthwise(y, (3, 3, 3), (1, stride, stride))
    if squeezed:
        few = g.relu(g.conv(g.mean(y), max(8, -(-inside // 16 // 8) * 8), (1, 1, 1)))
        y = g.times(y, g.sigmoid(g.conv(few, inside, (1, 1, 1))))
    y = g.conv(g.swish(y), channels, (1, 1, 1))
    if stride > 1 or x.shape[1] != channels:
        x = g.conv(x, channels, (1, 1, 1), (1, stride, stride), (0, 0, 0))
    return g.relu(g.plus(x, y))


def r2plus1d_18() -> onnx.ModelProto:
    """A clip [1,3,16,112,112] to 400 classes."""
    g = Graph("r2plus1d_18")
    x = g.relu(g.conv(g.input(1, 3, 16, 112, 112), 45, (1, 7, 7), (1, 2, 2)))
    x = g.relu(g.conv(x, 64, (3, 1, 1)))
    for channels in (64, 128, 256, 512):
        for i in range(2):
            stride = 2 if i == 0 and channels > 64 else 1
            # As many weights as the block's first 3x3x3 convolution would have; the second takes the same width.
            middle = x.shape[1] * channels * 27 // (x.shape[1] * 9 + 3 * channels)
            y = g.relu(_two_plus_one(g, x, middle, channels, stride))
            y = _two_plus_one(g, y, middle, channels, 1)
            if stride > 1:
                x = g.conv(x, channels, (1, 1, 1), (2, 2, 2), (0, 0, 0))
            x = g.relu(g.plus(x, y))
    g.output(g.dense(g.reshaped(g.mean(x), 1, 512), 400))
    return g.model()


def _two_plus_one(g: Graph, x: Value, middle: int, channels: int, stride: int) -> Value:
    y = g.relu(g.conv(x, middle, (1, 3, 3), (1, stride, stride)))
    return g.conv(y, channels, (3, 1, 1), (stride, 1, 1))


def pose_192() -> onnx.ModelProto:
    """A frame [1,3,192,192] to CenterNet's maps of 17 keypoints at stride 4; where they are is read off outside."""
    g = Graph("pose_192")
    _, (fine, middle, coarse, deep) = _mobilenet(g, g.input(1, 3, 192, 192), shifted=False)
    x = g.conv(deep, 64, (1, 1))
    for lateral, channels in ((coarse, 64), (middle, 32), (fine, 24)):
        x = g.plus(g.doubled(g.conv(x, channels, (1, 1))), g.conv(lateral, channels, (1, 1)))
        x = g.relu6(g.conv(g.depthwise(x, (3, 3)), channels, (1, 1)))
    for maps in (1, KEYPOINTS, 2 * KEYPOINTS, 2 * KEYPOINTS):  # centre, keypoints, regression, offsets
        g.output(g.conv(g.relu(g.conv(g.depthwise(x, (3, 3)), 96, (1, 1))), maps, (1, 1)))
    return g.model()


def pose_classifier() -> onnx.ModelProto:
    """Sixteen poses, [1,51,16]: x, y, score of each keypoint, to 14 classes; three convolutions over time."""
    g = Graph("pose_classifier")
    x = g.input(1, 3 * KEYPOINTS, 16)
    for channels in (64, 64, 128):
        x = g.relu(g.conv(x, channels, (3,)))
    g.output(g.dense(g.reshaped(g.mean(x), 1, 128), 14))
    return g.model()
