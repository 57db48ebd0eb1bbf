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


class MinMaxObserver:
    """Smallest and largest value of every float activation.

    model: folded, float `x` in [0, 1]. Plain minimum and maximum over many ticks kept more accuracy here than moving
    averages or percentiles (docs/quantize.md).
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
        self._lowest: dict[str, np.float32] = {}
        self._highest: dict[str, np.float32] = {}
        self.ticks = 0

    def observe(self, stream: npt.NDArray[np.uint8]) -> None:
        """Stream a clip from the states' start: uint8 [T,H,W,3]. Raises BundleError for a value not finite."""
        states = {s.input: np.full(s.shape, s.start, np.float32) for s in self._states}
        for picture in stream:
            feed = {"x": picture[np.newaxis].astype(np.float32) / np.float32(255), **states}
            seen = dict(zip(self._names, self._session.run(self._names, feed), strict=True))
            for name, value in (*feed.items(), *seen.items()):
                self._widen(name, value)
            states = {s.input: seen[s.output] for s in self._states}
            self.ticks += 1

    @property
    def ranges(self) -> dict[str, Range]:
        """Tensor name -> (lowest, highest). The picture's is [0, 1] by contract, whatever was seen."""
        seen = {name: (self._lowest[name], self._highest[name]) for name in self._lowest}
        return {**seen, "x": (np.float32(0), np.float32(1))}

    def merge(self, lowest: Mapping[str, float], highest: Mapping[str, float], ticks: int) -> None:
        """Add what another process's observer of the same model has seen."""
        for name in lowest:
            self._widen(name, np.asarray([lowest[name], highest[name]], np.float32))
        self.ticks += ticks

    def seen(self) -> dict[str, Any]:
        """What `merge` takes, as values that JSON knows; a float32 is the same after it."""
        lowest, highest = ({k: float(v) for k, v in ends.items()} for ends in (self._lowest, self._highest))
        return {"lowest": lowest, "highest": highest, "ticks": self.ticks}

    def _widen(self, name: str, value: npt.NDArray[np.float32]) -> None:
        lowest, highest = value.min(), value.max()
        if not np.isfinite(lowest) or not np.isfinite(highest):
            raise BundleError(
                f"student.onnx: {name}: expected finite values, found {lowest} to {highest}; train it again"
            )
        self._lowest[name] = min(lowest, self._lowest.get(name, lowest))
        self._highest[name] = max(highest, self._highest.get(name, highest))
