"""Clips as the network sees them: the device's own input stage, run for every expert of the gate, kept on disk.

Training and calibration read these; nothing here repeats arithmetic of `edge`.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload

import cv2
import numpy as np
import numpy.typing as npt

from calibration.clip_sets.clips import Clip
from calibration.jobs.parallel import WorkerError, in_order
from calibration.learnt import Fingerprint
from edge.bundles.manifest import CadenceSpec, ExpertSpec, FrontEndSpec, GateSpec, InputSpec, Manifest
from edge.errors import DataError, EdgeError
from edge.files import file_in_one_step
from edge.picture.frame import Frame, Image
from edge.recognition.cadence import Cadence, at_cadence
from edge.recognition.inputs import network_input
from edge.recognition.inputs.tracks import Tracks
from edge.recognition.tracks.window import Box

T = TypeVar("T")
# Part of every cache key: raise it when the front end or an input form changes what it computes.
REVISION = 5


@dataclass(frozen=True)
class Geometry:
    """Sizes, rates, gammas and experts that decide what a clip looks like to the network; a manifest holds the same.

    experts: one per gamma in the `change_flow` form, none in the others.
    """

    height: int = 120
    width: int = 160
    form: str = "luma_flow"
    input_height: int = 30
    input_width: int = 40
    levels_per_pixel: float = 8.0
    interval_ms: float = 66.7
    tolerance_ms: float = 33.0
    reset_after_ms: float = 500.0
    gammas: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5, 3.0)
    experts: tuple[ExpertSpec, ...] = ()
    fraction_bits: int = 0

    @classmethod
    def of(cls, manifest: Manifest) -> Geometry:
        """What a bundle's network sees."""
        small, network, pace = manifest.front_end, manifest.input, manifest.cadence
        return cls(
            height=small.height,
            width=small.width,
            form=network.form,
            input_height=network.height,
            input_width=network.width,
            levels_per_pixel=network.levels_per_pixel,
            interval_ms=pace.interval_ms,
            tolerance_ms=pace.tolerance_ms,
            reset_after_ms=pace.reset_after_ms,
            gammas=manifest.gate.gammas,
            experts=manifest.gate.experts,
            fraction_bits=small.fraction_bits,
        )

    @property
    def front_end(self) -> FrontEndSpec:
        """As a manifest holds it."""
        return FrontEndSpec(self.height, self.width, fraction_bits=self.fraction_bits)

    @property
    def input(self) -> InputSpec:
        """As a manifest holds it."""
        return InputSpec(self.form, self.input_height, self.input_width, self.levels_per_pixel)

    @property
    def cadence(self) -> CadenceSpec:
        """As a manifest holds it."""
        return CadenceSpec(self.interval_ms, self.tolerance_ms, self.reset_after_ms)

    def gate(self, window: int, hold: int) -> GateSpec:
        """As a manifest holds it, with what does not change the pictures."""
        return GateSpec(self.gammas, window, hold, self.experts)


@dataclass(frozen=True)
class ClipTensors:
    """x: uint8 [gammas, T, h, w, 3], the input at every tick; statistics: float32 [T, 3], mean, std, entropy.

    times_s: float64 [T], of every tick's capture. fingerprint: of the clip (calibration/learnt.py).
    """

    x: npt.NDArray[np.uint8]
    statistics: npt.NDArray[np.float32]
    times_s: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    fingerprint: str = ""


def clip_tensors(
    frames: Iterable[Frame], geometry: Geometry, box_of: Callable[[Frame], Box | None] | None = None
) -> ClipTensors:
    """Run the input stage over a clip, as every expert sees it.

    Where the form has motion the first frame, also after a gap, gives no tick. In the form `tracks`, x is the window of
    the most prominent track, of the whole picture where there is none; with box_of, the window around the true box of a
    frame (left, top, width, height as shares of the picture), and around what is found where that is None.
    """
    eyes = network_input(geometry.front_end, geometry.input, geometry.gate(1, 1))
    if box_of is not None and not isinstance(eyes, Tracks):
        raise ValueError(f"box_of: expected the input form tracks, which has windows, found {geometry.form}")
    fingerprint = Fingerprint()
    ticks: list[Image] = []
    seen: list[tuple[float, float, float]] = []
    times_s: list[float] = []
    for frame in at_cadence(fingerprint.watch(frames), Cadence(geometry.cadence), eyes.reset):
        if box_of is not None and isinstance(eyes, Tracks):
            eyes.watch(box_of(frame))
        statistics = eyes.take(frame)
        # Every expert's input fills the same buffer.
        inputs = [x.copy() for expert in range(len(geometry.gammas)) if (x := eyes.see(expert)) is not None]
        if inputs:
            ticks.append(np.concatenate(inputs))
            seen.append((statistics.mean, statistics.std, statistics.entropy))
            times_s.append(frame.capture_time_s)
    if not ticks:
        shape = (len(geometry.gammas), 0, geometry.input_height, geometry.input_width, 3)
        return ClipTensors(np.zeros(shape, np.uint8), np.zeros((0, 3), np.float32), np.zeros(0), fingerprint.value)
    return ClipTensors(np.stack(ticks, axis=1), np.asarray(seen, np.float32), np.asarray(times_s), fingerprint.value)


def stream_tensors(
    clips: Iterable[Clip],
    geometry: Geometry,
    cache: Path,
    workers: int = 1,
    damaged: Callable[[Clip, EdgeError], None] | None = None,
) -> Iterator[tuple[Clip, ClipTensors]]:
    """The tensors of every clip, in order, a few at a time in memory; made once, then read from `cache`.

    A run that was stopped goes on where it was. damaged: told of every clip that cannot be decoded, which is then left
    out; without it the first one raises DataError, or WorkerError where it kills the process that decodes it.
    """
    return _each(partial(_cached, geometry=geometry, cache=cache), clips, cache, workers, damaged)


def _each(
    work: Callable[[Clip], T],
    clips: Iterable[Clip],
    cache: Path,
    workers: int,
    damaged: Callable[[Clip, EdgeError], None] | None,
) -> Iterator[tuple[Clip, T]]:
    cache.mkdir(parents=True, exist_ok=True)
    for clip, future in in_order(work, clips, workers):
        error = future.exception()
        if isinstance(error, DataError | WorkerError) and damaged is not None:
            damaged(clip, error)
        else:
            yield clip, future.result()


class StoredTensors(Sequence[ClipTensors]):
    """The tensors of many clips, read from the cache one by one when they are asked for."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> ClipTensors: ...
    @overload
    def __getitem__(self, index: slice) -> StoredTensors: ...
    def __getitem__(self, index: int | slice) -> ClipTensors | StoredTensors:
        return StoredTensors(self._paths[index]) if isinstance(index, slice) else _read(self._paths[index])

    def ticks(self, index: int) -> int:
        """Length of a clip, without reading its pictures."""
        with np.load(self._paths[index]) as stored:
            return len(stored["statistics"])

    def times_s(self, index: int) -> npt.NDArray[np.float64]:
        """Of every tick of a clip, without reading its pictures."""
        with np.load(self._paths[index]) as stored:
            return np.asarray(stored["times_s"])

    def fingerprint(self, index: int) -> str:
        """Of a clip, without reading its pictures."""
        with np.load(self._paths[index]) as stored:
            return str(stored["fingerprint"])

    def only(self, indices: Sequence[int]) -> StoredTensors:
        """Some of the clips, in this order."""
        return StoredTensors([self._paths[i] for i in indices])


def store_tensors(
    clips: Sequence[Clip],
    geometry: Geometry,
    cache: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    damaged: Callable[[Clip, EdgeError], None] | None = None,
) -> StoredTensors:
    """All of `stream_tensors`, held by the cache alone: for sets larger than memory. Raises DataError, WorkerError.

    progress: called with (done, all). damaged: as in `stream_tensors`; such a clip is left out.
    """
    decoded = []
    # What is there already is not read again, and what is made stays with the process that made it.
    for clip, _ in _each(partial(_kept, geometry=geometry, cache=cache), clips, cache, workers, damaged):
        decoded.append(clip)
        if progress is not None:
            progress(len(decoded), len(clips))
    return StoredTensors([_stored(clip, geometry, cache) for clip in decoded])


def _stored(clip: Clip, geometry: Geometry, cache: Path) -> Path:
    key = hashlib.sha256(repr((REVISION, clip.identity, astuple(geometry))).encode()).hexdigest()[:32]
    return cache / f"{key}.npz"


def _read(path: Path) -> ClipTensors:
    with np.load(path) as stored:
        return ClipTensors(stored["x"], stored["statistics"], stored["times_s"], str(stored["fingerprint"]))


def _cached(clip: Clip, geometry: Geometry, cache: Path) -> ClipTensors:
    path = _stored(clip, geometry, cache)
    return _read(path) if path.exists() else _make(clip, geometry, path)


def _kept(clip: Clip, geometry: Geometry, cache: Path) -> None:
    path = _stored(clip, geometry, cache)
    if not path.exists():
        _make(clip, geometry, path)


def _make(clip: Clip, geometry: Geometry, path: Path) -> ClipTensors:
    cv2.setNumThreads(1)
    tensors = clip_tensors(clip.frames(), geometry)
    arrays: dict[str, npt.NDArray[Any]] = {
        "x": tensors.x,
        "statistics": tensors.statistics,
        "times_s": tensors.times_s,
        "fingerprint": np.asarray(tensors.fingerprint),
    }
    # In one step: a kill leaves no half file that a later run would trust.
    with file_in_one_step(path) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return tensors
