"""A student that comes with quantisers, from quantisation-aware training, is taken as it is: its levels, made explicit.

Training puts a quantiser where something is rounded. Engines run integers only where an operator has quantisers on all
sides, so what merely moves levels gets them, too; that rounds nothing, for they are the same levels.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import helper

from edge.bundles.bundle import StateSpec
from quantize.graph import Graph, folded, with_float_picture
from quantize.rewriting.levels import Scale, dequantiser, scale_of
from quantize.rewriting.qdq import finished, with_level_states

# What comes out are values that went in.
MOVING = frozenset(
    (
        *("Concat", "Expand", "Flatten", "Gather", "MaxPool", "ReduceMax", "Reshape"),
        *("Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    )
)


def as_trained(student: bytes, states: Sequence[StateSpec]) -> tuple[bytes, tuple[StateSpec, ...]]:
    """The same network, taking and giving levels where its quantisers allow it; weights int8, biases int32.

    Raises BundleError where the graph does not begin as the network's contract says.
    """
    graph = Graph(folded(with_float_picture(onnx.load_from_string(student))))
    spread(graph, states)
    # Again, because onnxruntime makes a bias integer once what the convolution reads is.
    graph = Graph(folded(graph.model))
    shorten(graph)
    specs = with_level_states(graph, states)
    return finished(graph), specs


def spread(graph: Graph, states: Sequence[StateSpec]) -> None:
    """Put quantisers behind every operator that moves levels of one scale, and behind states that join and are such."""
    entering = {graph.after_transpose(state.input): state for state in states}
    outputs = {value.name for value in graph.model.graph.output}
    for node in list(graph.model.graph.node):
        moved = _moved(node)
        levels = {name: made for name in moved if (made := dequantiser(graph, name)) is not None}
        scales = {scale_of(graph, made) for made in levels.values()}
        others = set(moved) - set(levels)
        if len(scales) != 1 or not all(
            name in entering and _returns(graph, entering[name], *scales) for name in others
        ):
            continue
        like = next(iter(levels.values()))
        for name in sorted(others):
            _round(graph, name, like)
        for name in node.output:
            readers = graph.consumers(name)
            if name in outputs or any(reader.op_type != "QuantizeLinear" for reader in readers):
                _round(graph, name, like)


def shorten(graph: Graph) -> None:
    """Levels that are given back and rounded again, to the same levels, go straight on."""
    for node in [node for node in graph.model.graph.node if node.op_type == "QuantizeLinear"]:
        before = dequantiser(graph, node.input[0])
        if before is not None and scale_of(graph, before) == scale_of(graph, node):
            graph.replace_input(node.output[0], before.input[0])
            graph.remove(node)
            if not graph.consumers(before.output[0]):
                graph.remove(before)


def _moved(node: onnx.NodeProto) -> list[str]:
    """The tensors whose values an operator moves; none where it computes."""
    if node.op_type not in MOVING:
        return []
    return list(node.input if node.op_type == "Concat" else node.input[:1])


def _returns(graph: Graph, state: StateSpec, scale: Scale) -> bool:
    """What leaves as this state are levels of this scale, only moved, or what entered as it."""
    waiting = [state.output]
    while waiting:
        name = waiting.pop()
        made, node = dequantiser(graph, name), graph.producer(name)
        if (made is not None and scale_of(graph, made) == scale) or name == state.input:
            continue
        if made is not None or node is None or not _moved(node):
            return False
        waiting += _moved(node)
    return True


def _round(graph: Graph, tensor: str, like: onnx.NodeProto) -> None:
    """Put a pair of quantisers behind a tensor, of the levels of a DequantizeLinear that is there."""
    nodes, maker = graph.model.graph.node, graph.producer(tensor)
    place = 0 if maker is None else list(nodes).index(maker) + 1
    before, after = tensor, f"{tensor}_spread"
    if any(value.name == tensor for value in graph.model.graph.output):
        assert maker is not None
        before, after = f"{tensor}_moved", tensor
        maker.output[:] = [before if name == tensor else name for name in maker.output]
    else:
        graph.replace_input(tensor, after)
    kind, levels = like.input[1:], f"{tensor}_spread_levels"
    nodes.insert(place, helper.make_node("DequantizeLinear", [levels, *kind], [after], f"{tensor}_spread_dq"))
    nodes.insert(place, helper.make_node("QuantizeLinear", [before, *kind], [levels], f"{tensor}_spread_q"))
