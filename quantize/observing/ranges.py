"""What the activations of a float student are like while it streams with its real recurrent states, and their ranges.

The same streams twice: first the extremes are found, then the values between them are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto

from edge.bundles.bundle import StateSpec
from edge.engines.onnxruntime import session_options
from edge.errors import BundleError
from quantize.graph import Graph, convolutions, float_tensors
from quantize.observing.parts import ClipShare
from quantize.observing.tensor_statistics import BINS, Histogram, Range, TensorStatistics

F32 = npt.NDArray[np.float32]
# One stream in a thousand may be clipped, so that the range of a large set is not that of its strangest clip.
STREAMS_INSIDE = 0.999
COUNTED_TICKS = 2000  # about so many are enough for histograms
Reduce = Callable[[Sequence[float]], float]


class Activations:
    """A model that shows float tensors of its inside, tick by tick.

    model: `x` is uint8, or float32 in [0, 1]. names: the tensors shown; all float activations by default.
    """

    def __init__(self, model: onnx.ModelProto, states: Sequence[StateSpec], names: Sequence[str] | None = None) -> None:
        exposed = onnx.ModelProto()
        exposed.CopyFrom(model)
        outputs = {value.name for value in model.graph.output}
        inputs = {value.name for value in model.graph.input}
        inner = [value for value in float_tensors(model) if value.name not in outputs | inputs]
        exposed.graph.output.extend(value for value in inner if names is None or value.name in names)
        self._session = ort.InferenceSession(exposed.SerializeToString(), session_options(), ["CPUExecutionProvider"])
        self._names = [value.name for value in self._session.get_outputs()]
        self._states = states
        self._levels = Graph(model).value("x").type.tensor_type.elem_type == TensorProto.UINT8

    def stream(self, clip: npt.NDArray[np.uint8]) -> Iterator[dict[str, F32]]:
        """Every tick's tensors by name, inputs included, from the states' start on: uint8 [T,H,W,3]."""
        states = {s.input: np.full(s.shape, s.start, s.dtype) for s in self._states}
        for picture in clip:
            levels = picture[np.newaxis]
            feed = {"x": levels if self._levels else levels.astype(np.float32) / np.float32(255), **states}
            shown = dict(zip(self._names, self._session.run(self._names, feed), strict=True))
            yield {**feed, **shown}
            states = {s.input: shown[s.output] for s in self._states}


def observe(
    model: onnx.ModelProto,
    states: Sequence[StateSpec],
    share: ClipShare,
    progress: Callable[[int, int], None] | None = None,
) -> TensorStatistics:
    """Stream every clip under every expert twice; all processes know what all have seen.

    Raises BundleError for a value that is not finite.
    """
    activations = Activations(model, states)
    clips = share.tensors
    found = []
    for done, clip in enumerate(clips, 1):
        found.append([_extremes(activations.stream(stream)) for stream in clip.x])
        if progress is not None:
            progress(done, 2 * len(clips))
    streams = [stream for streams in share.gather(found) for stream in streams]
    if not streams:
        return TensorStatistics(0, {}, {}, {}, {})
    extremes = {name: _over(streams, name, np.min, np.max) for name in streams[0]["lowest"]}
    ticks = sum(stream["ticks"] for stream in streams)
    counts = _Counts(extremes, {node.input[0] for node in convolutions(model)})
    every = max(1, ticks // COUNTED_TICKS)
    sums = []
    for done, clip in enumerate(clips, len(clips) + 1):
        sums.append([counts.observe(tick for tick in islice(activations.stream(s), 0, None, every)) for s in clip.x])
        if progress is not None:
            progress(done, 2 * len(clips))
    counted = share.processes.gather([counts.totals()])
    means = _mean([stream for streams in share.gather(sums) for stream in streams])
    usual = {name: _over(streams, name, _low_quantile, _high_quantile) for name in extremes}
    return TensorStatistics(ticks, extremes, usual, _histograms(extremes, counted), means)


def reach(model: onnx.ModelProto, states: Sequence[StateSpec], share: ClipShare) -> dict[str, npt.NDArray[np.float64]]:
    """float64 [C]: the largest magnitude in every channel of each tensor [1,C,...] that a convolution reads.

    Every clip is streamed under one expert, in turn.
    """
    names = sorted({str(node.input[0]) for node in convolutions(model)})
    activations = Activations(model, states, names)
    rows = []
    for place, clip in zip(share.places, share.tensors, strict=True):
        largest = dict.fromkeys(names, np.float32(0))
        for tick in activations.stream(clip.x[place % len(clip.x)]):
            for name in names:
                value = tick[name]
                largest[name] = np.maximum(largest[name], np.abs(value).max((0, *range(2, value.ndim))))
        rows.append({name: np.asarray(value).tolist() for name, value in largest.items()})
    everybody = share.gather(rows)
    return {name: np.max([row[name] for row in everybody], axis=0, initial=0.0) for name in names if everybody}


class _Counts:
    """How often values lie where between the extremes, `BINS` bins a tensor; and means per channel of some."""

    def __init__(self, extremes: Mapping[str, Range], averaged: Collection[str]) -> None:
        self._extremes = {name: (low, high) for name, (low, high) in extremes.items() if low < high}
        self._counts = {name: np.zeros(BINS, np.int64) for name in self._extremes}
        self._averaged = sorted(averaged)

    def observe(self, stream: Iterable[Mapping[str, F32]]) -> dict[str, Any]:
        """Count a stream's values; gives its ticks and the sums of its channels' means, as JSON carries them."""
        ticks, sums = 0, dict.fromkeys(self._averaged, 0.0)
        for tick in stream:
            ticks += 1
            for name, (low, high) in self._extremes.items():
                bins = ((tick[name].ravel() - np.float32(low)) * np.float32(BINS / (high - low))).astype(np.int32)
                self._counts[name] += np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)
            for name in self._averaged:
                value = tick[name]
                sums[name] += value.mean(axis=(0, *range(2, value.ndim)), dtype=np.float64)
        return {"ticks": ticks, "sums": {name: np.asarray(total).tolist() for name, total in sums.items()}}

    def totals(self) -> dict[str, list[int]]:
        """Everything counted, as JSON carries it."""
        return {name: counts.tolist() for name, counts in self._counts.items()}


def _extremes(stream: Iterable[Mapping[str, F32]]) -> dict[str, Any]:
    """Smallest and largest value of every tensor in one stream, and its ticks, as JSON carries them."""
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    ticks = 0
    for tick in stream:
        for name, value in tick.items():
            low, high = _finite_range(name, value)
            lowest[name] = min(low, lowest.get(name, low))
            highest[name] = max(high, highest.get(name, high))
        ticks += 1
    return {"lowest": lowest, "highest": highest, "ticks": ticks}


def _over(streams: Sequence[dict[str, Any]], name: str, low: Reduce, high: Reduce) -> Range:
    lowest, highest = ([stream[end][name] for stream in streams] for end in ("lowest", "highest"))
    return float(low(lowest)), float(high(highest))


def _histograms(extremes: Mapping[str, Range], counted: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Histogram]:
    totals = {name: np.sum([np.asarray(part[name], np.int64) for part in counted], axis=0) for name in counted[0]}
    return {name: Histogram(*extremes[name], total) for name, total in totals.items()}


def _mean(streams: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[np.float64]]:
    ticks = sum(stream["ticks"] for stream in streams)
    names = streams[0]["sums"]
    return {name: np.sum([np.asarray(s["sums"][name], np.float64) for s in streams], axis=0) / ticks for name in names}


def _low_quantile(values: Sequence[float]) -> float:
    return float(np.quantile(values, 1 - STREAMS_INSIDE))


def _high_quantile(values: Sequence[float]) -> float:
    return float(np.quantile(values, STREAMS_INSIDE))


def _finite_range(name: str, value: F32) -> Range:
    lowest, highest = float(value.min()), float(value.max())
    if not np.isfinite(lowest) or not np.isfinite(highest):
        raise BundleError(f"student.onnx: {name}: expected finite values, found {lowest} to {highest}; train it again")
    return lowest, highest
