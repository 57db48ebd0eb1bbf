"""Any streaming student, unrolled: one graph of T ticks, to show that streaming equals the clip."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import compose, numpy_helper

from edge.bundles.bundle import Bundle


def unrolled_clip(bundle: Bundle, ticks: int) -> bytes:
    """Inputs x0..x(T-1), outputs logits0..logits(T-1), in order; the states' starts are constants inside."""
    step = onnx.load_from_string(bundle.student_bytes())
    states = bundle.manifest.states
    clip = compose.add_prefix(step, "0/")
    for tick in range(1, ticks):
        following = compose.add_prefix(step, f"{tick}/")
        joints = [(f"{tick - 1}/{s.output}", f"{tick}/{s.input}") for s in states]
        clip = compose.merge_models(clip, following, io_map=joints)
    starts = [numpy_helper.from_array(np.full(s.shape, s.start, s.dtype), f"0/{s.input}") for s in states]
    clip.graph.initializer.extend(starts)
    inputs = {value.name: value for value in clip.graph.input}
    outputs = {value.name: value for value in clip.graph.output}
    del clip.graph.input[:], clip.graph.output[:]
    clip.graph.input.extend(inputs[f"{tick}/x"] for tick in range(ticks))
    clip.graph.output.extend(outputs[f"{tick}/logits"] for tick in range(ticks))
    for value in (*clip.graph.input, *clip.graph.output):
        tick, name = value.name.split("/")
        _rename(clip, value.name, name + tick)
        value.name = name + tick
    onnx.checker.check_model(clip)
    return bytes(clip.SerializeToString())


def _rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
