"""A student that comes with quantisers, from quantisation-aware training, is taken as it is: only its edges change."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from edge.bundle import StateSpec
from quantize.graph import Graph, folded, with_float_picture
from quantize.qdq import finished, with_level_states


def as_trained(student: bytes, states: Sequence[StateSpec]) -> tuple[bytes, tuple[StateSpec, ...]]:
    """The same network, taking and giving levels where its quantisers at the edges allow it; its weights become int8.

    Raises BundleError where the graph does not begin as the network's contract says.
    """
    graph = Graph(folded(with_float_picture(onnx.load_from_string(student))))
    specs = with_level_states(graph, states)
    return finished(graph), specs
