"""Layer by layer: what quantising each costs, alone and in the whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge.bundles.bundle import StateSpec
from quantize.graph import Graph, weighted_layers
from quantize.judging.fidelity import decibels
from quantize.observing.parts import ClipShare
from quantize.observing.ranges import Activations


def between(model: onnx.ModelProto, float_layers: Collection[str]) -> list[str]:
    """Nodes without weights that stay float with these layers: all layers behind them, or all before, are float."""
    if not float_layers:
        return []
    makers = {name: node for node in model.graph.node for name in node.output}
    takers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    weighted = {node.name for node in weighted_layers(model)}

    def ends(node: onnx.NodeProto, forward: bool) -> set[str]:
        """The nearest layers with weights, behind a node or before it."""
        if forward:
            nearest = [taker for name in node.output for taker in takers.get(name, [])]
        else:
            nearest = [makers[name] for name in node.input if name in makers]
        found: set[str] = set()
        for other in nearest:
            found |= {other.name} if other.name in weighted else ends(other, forward)
        return found

    others = [node for node in model.graph.node if node.name not in weighted]
    sides = {node.name: [ends(node, forward) for forward in (True, False)] for node in others}
    return [name for name, both in sides.items() if any(side and side <= set(float_layers) for side in both)]


def noise_db(
    model: onnx.ModelProto,
    student: bytes,
    states: tuple[Sequence[StateSpec], Sequence[StateSpec]],
    share: ClipShare,
) -> dict[str, float]:
    """Signal to quantisation noise of every weighted layer's output in a whole integer student, by the layer's name.

    model: the float student, prepared. states: of the float and of the integer one. Each clip is streamed under one
    expert, in turn.
    """
    graph = Graph(onnx.load_from_string(student))
    outputs = _outputs(model, graph)
    wanted = Activations(model, states[0], list({real for real, _ in outputs.values()}))
    exposed = with_float_values(graph.model, [found for _, found in outputs.values()])
    got = Activations(exposed, states[1], [found for _, found in outputs.values()])
    rows = []
    for place, clip in zip(share.places, share.tensors, strict=True):
        stream = clip.x[place % len(clip.x)]
        energy = {name: [0.0, 0.0] for name in outputs}
        for real, found in zip(wanted.stream(stream), got.stream(stream), strict=True):
            for name, (a, b) in outputs.items():
                energy[name][0] += float(np.square(real[a], dtype=np.float64).sum())
                energy[name][1] += float(np.square(real[a] - found[b], dtype=np.float64).sum())
        rows.append(energy)
    everybody = share.gather(rows)
    sums = {name: np.sum([row[name] for row in everybody], axis=0) for name in outputs}
    return {name: decibels(float(signal), float(noise)) for name, (signal, noise) in sums.items()}


def _outputs(model: onnx.ModelProto, graph: Graph) -> dict[str, tuple[str, str]]:
    """Layer -> its output in the float model, and the same in the integer one: behind the rounding where it is rounded,
    given back by a node of its own.

    An activation that quantisation has merged into the layer is in both.
    """
    named = {node.name: node for node in graph.model.graph.node}
    known = {name for node in model.graph.node for name in node.output}
    found = {}
    for layer in weighted_layers(model):
        node = named.get(layer.name)
        tensor = "" if node is None else str(node.output[0])
        real = _float_name(tensor)
        if real not in known:
            continue
        rounded = next((taker for taker in graph.consumers(tensor) if taker.op_type == "QuantizeLinear"), None)
        if rounded is not None:
            levels, tensor = [rounded.output[0], *rounded.input[1:]], f"{real}_shown"
            graph.model.graph.node.append(helper.make_node("DequantizeLinear", levels, [tensor], tensor))
        found[layer.name] = (real, tensor)
    return found


def _float_name(tensor: str) -> str:
    """What a tensor is called where no quantiser follows it."""
    return tensor.removesuffix("_QuantizeLinear_Input")


def with_float_values(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The model with these tensors declared, so that they can be shown."""
    described = onnx.ModelProto()
    described.CopyFrom(model)
    described.graph.value_info.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return described


def by_sensitivity(divergences: Mapping[str, float]) -> list[str]:
    """Layers, the one that costs most alone first."""
    return sorted(divergences, key=lambda name: (-divergences[name], name))
