"""Empirical bias correction: what an integer student's layers drift from the float one's on average goes into biases.

Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019, appendix D. Most of a
picture does not change, so what a still background loses when it is rounded is lost everywhere at once: not noise, but
a shift, which the next layer adds up over all that it reads. Layer after layer, for each hears the ones before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from edge.bundles.bundle import StateSpec
from quantize.graph import Graph, weighted_layers
from quantize.judging.layers import with_float_values
from quantize.observing.parts import ClipShare
from quantize.observing.ranges import Activations

F64 = npt.NDArray[np.float64]
CLIPS = 24  # of the calibrating ones, each under one expert, in turn


def mean_outputs(model: onnx.ModelProto, states: Sequence[StateSpec], share: ClipShare) -> dict[str, F64]:
    """float64 [C]: the mean output of every layer with weights by its name, before its activation, in the float one."""
    tensors = {node.name: str(node.output[0]) for node in weighted_layers(model)}
    return _means(Activations(model, states, list(tensors.values())), tensors, share)


def undrifted(student: bytes, states: Sequence[StateSpec], wanted: Mapping[str, F64], share: ClipShare) -> bytes:
    """The integer student, each of whose layers gives the mean output that is wanted. wanted: as `mean_outputs`."""
    graph = Graph(onnx.load_from_string(student))
    nodes = {node.name: node for node in graph.model.graph.node}
    for name in (name for name in wanted if name in nodes and len(nodes[name].input) > 2):
        tensor = str(nodes[name].output[0])
        exposed = with_float_values(graph.model, [tensor])
        found = _means(Activations(exposed, states, [tensor]), {name: tensor}, share)
        _shift(graph, nodes[name], wanted[name] - found[name])
    shifted: bytes = graph.model.SerializeToString(deterministic=True)
    return shifted


def _means(activations: Activations, tensors: Mapping[str, str], share: ClipShare) -> dict[str, F64]:
    everybody = share.gather(list(_sums(activations, tensors, share)))
    rows = [row for row in everybody if row is not None]
    ticks = sum(row["ticks"] for row in rows)
    return {
        name: np.sum([np.asarray(row["sums"][name], np.float64) for row in rows], axis=0) / ticks for name in tensors
    }


def _sums(activations: Activations, tensors: Mapping[str, str], share: ClipShare) -> Iterator[dict[str, Any] | None]:
    """Per clip the ticks and the sums of the channels' means, as JSON carries them; None for one that is left out."""
    places = share.gather(share.places)
    turns = {place: turn for turn, place in enumerate(places[:: max(1, len(places) // CLIPS)])}
    for index, place in enumerate(share.places):
        if place not in turns:
            yield None
            continue
        clip = share.tensors[index]
        ticks, sums = 0, dict.fromkeys(tensors, np.float64(0))
        for tick in activations.stream(clip.x[turns[place] % len(clip.x)]):
            ticks += 1
            for name, tensor in tensors.items():
                value = tick[tensor]
                sums[name] = sums[name] + value.mean(axis=(0, *range(2, value.ndim)), dtype=np.float64)
        yield {"ticks": ticks, "sums": {name: np.asarray(total).tolist() for name, total in sums.items()}}


def _shift(graph: Graph, node: onnx.NodeProto, shift: F64) -> None:
    """Add to a bias, which is float, or int32 levels with a scale per channel."""
    maker, owner, place = graph.producer(node.input[2]), node, 2
    scale: F64 = np.ones(1)
    if maker is not None and maker.op_type == "DequantizeLinear":
        step = graph.constant(maker.input[1])
        assert step is not None
        owner, place, scale = maker, 0, step.astype(np.float64)
    bias = graph.constant(owner.input[place])
    if bias is None:
        return
    shifted = bias + shift / scale
    limits = np.iinfo(np.int32)
    levels = np.clip(np.rint(shifted), limits.min, limits.max) if bias.dtype == np.int32 else shifted
    name = f"{node.name}_bias_undrifted"
    graph.add_constant(name, levels.astype(bias.dtype))
    owner.input[place] = name
    graph.drop_unused_constants()
