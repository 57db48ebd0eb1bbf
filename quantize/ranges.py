"""Ranges of the activations of a float student, seen while it streams over clips with its real recurrent states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from edge.bundle import StateSpec
from edge.engines.onnxruntime import session_options
from edge.errors import BundleError
from quantize.graph import float_tensors

Range = tuple[np.float32, np.float32]
# One stream in a thousand may be clipped, so that the range of a large set is not that of its strangest clip.
STREAMS_INSIDE = 0.999


class MinMaxObserver:
    """Smallest and largest value of every float activation, stream by stream.

    model: folded, float `x` in [0, 1]. Whole streams are judged, not single values: percentiles of values and moving
    averages lose what is rare and matters (docs/quantize.md).
    """

    def __init__(self, model: onnx.ModelProto, states: Sequence[StateSpec], threads: int = 1) -> None:
        exposed = onnx.ModelProto()
        exposed.CopyFrom(model)
        outputs = {value.name for value in model.graph.output}
        inputs = {value.name for value in model.graph.input}
        inner = [value for value in float_tensors(model) if value.name not in outputs | inputs]
        exposed.graph.output.extend(inner)
        self._session = ort.InferenceSession(
            exposed.SerializeToString(), session_options(threads), ["CPUExecutionProvider"]
        )
        self._names = [value.name for value in self._session.get_outputs()]
        self._states = states
        self._lowest: dict[str, list[np.float32]] = {}
        self._highest: dict[str, list[np.float32]] = {}
        self.ticks = 0

    def observe(self, stream: npt.NDArray[np.uint8]) -> None:
        """Stream a clip from the states' start: uint8 [T,H,W,3]. Raises BundleError for a value not finite."""
        states = {s.input: np.full(s.shape, s.start, np.float32) for s in self._states}
        lowest: dict[str, np.float32] = {}
        highest: dict[str, np.float32] = {}
        for picture in stream:
            feed = {"x": picture[np.newaxis].astype(np.float32) / np.float32(255), **states}
            seen = dict(zip(self._names, self._session.run(self._names, feed), strict=True))
            for name, value in (*feed.items(), *seen.items()):
                low, high = _finite_range(name, value)
                lowest[name] = min(low, lowest.get(name, low))
                highest[name] = max(high, highest.get(name, high))
            states = {s.input: seen[s.output] for s in self._states}
            self.ticks += 1
        for name in lowest:
            self._lowest.setdefault(name, []).append(lowest[name])
            self._highest.setdefault(name, []).append(highest[name])

    @property
    def ranges(self) -> dict[str, Range]:
        """Tensor name -> (lowest, highest). The picture's is [0, 1] by contract, whatever was seen."""
        seen = {
            name: (_quantile(self._lowest[name], 1 - STREAMS_INSIDE), _quantile(self._highest[name], STREAMS_INSIDE))
            for name in self._lowest
        }
        return {**seen, "x": (np.float32(0), np.float32(1))}

    def merge(self, lowest: Mapping[str, Sequence[float]], highest: Mapping[str, Sequence[float]], ticks: int) -> None:
        """Add what another process's observer of the same model has seen."""
        for mine, others in ((self._lowest, lowest), (self._highest, highest)):
            for name, values in others.items():
                mine.setdefault(name, []).extend(np.float32(value) for value in values)
        self.ticks += ticks

    def seen(self) -> dict[str, Any]:
        """What `merge` takes, as values that JSON knows; a float32 is the same after it."""
        lowest, highest = ({k: [float(v) for v in vs] for k, vs in e.items()} for e in (self._lowest, self._highest))
        return {"lowest": lowest, "highest": highest, "ticks": self.ticks}


def _quantile(values: Sequence[np.float32], share: float) -> np.float32:
    """Linear between the ranks; the order of the values does not matter."""
    return np.float32(np.quantile(np.sort(np.asarray(values, np.float64)), share))


def _finite_range(name: str, value: npt.NDArray[np.float32]) -> Range:
    lowest, highest = value.min(), value.max()
    if not np.isfinite(lowest) or not np.isfinite(highest):
        raise BundleError(f"student.onnx: {name}: expected finite values, found {lowest} to {highest}; train it again")
    return lowest, highest
