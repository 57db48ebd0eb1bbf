"""What the network sees of a clip, in a few numbers: what changes, how fast, where in it, and what noise is left.

The chain of a bundle with the form `motion` runs over the clip, its gate choosing the expert of every tick; rendered
and real clips whose numbers agree look alike to the network.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from calibration.clip_sets.clips import Clip
from edge.bundles.bundle import Bundle
from edge.bundles.manifest import InputSpec
from edge.picture.frame import Frame
from edge.recognition.cadence import Cadence, at_cadence
from edge.recognition.gate import Gate
from edge.recognition.inputs import network_input
from edge.recognition.inputs.base import ZERO
from edge.recognition.inputs.flow import luma

F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
LEVELS_PER_SIGMA = 15.0
CHANGED_SIGMA = 0.5  # over the first 2.5: from there on a cell belongs to what moves
MOST_SIGMA = 7.9
FEWEST_CELLS = 4  # a tick with fewer is one without change
CHUNK_S = 3.0  # long recordings are taken in pieces as long as a clip
FEWEST_TICKS = 10
BLOCK_PX = 8
STILL_SHARE = 0.4  # of a picture's blocks: those that differ least from a tick before
LEAST_NOISE = 0.05  # levels: below it a logarithm would see differences that nobody does
AROUND = np.ones((3, 3), np.float32)


@dataclass(frozen=True)
class InputFeatures:
    """Of one clip, medians over its ticks with change unless said otherwise; NaN where a clip has none."""

    without_change: float  # share of all ticks
    area: float  # share of the picture that changes
    height: float  # of the changing region, by the picture's; between its 5 % and 95 % rows
    width: float
    fill: float  # share of the region's box that changes
    scattered: float  # share of changing cells that have at most one changing neighbour
    persistence: float  # of what changes: overlap with a tick before
    change: float  # sigma over the first 2.5, in what changes
    change_high: float  # the 90 % quantile there
    saturated: float  # share of what changes at the most that the network can see
    speed: float  # px of the small frame per tick, in what changes
    speed_high: float  # the 90 % quantile there
    upper_speed: float  # mean in the upper half of the region
    lower_speed: float
    camera_speed: float  # over all ticks
    noise: float  # levels at half size between ticks in still blocks, log2; over all ticks
    noise_grain: float  # correlation of that noise between neighbouring pixels
    frozen: float  # share of still blocks in which nothing at all changes


NAMES = tuple(field.name for field in fields(InputFeatures))


@dataclass(frozen=True)
class Sample:
    """A clip, or a piece of a long one. groups: clip and person, never to be split between learning and judging."""

    source: str
    clip: str
    person: str
    mean_luma: float
    features: InputFeatures

    @property
    def vector(self) -> npt.NDArray[np.float64]:
        """Its features in the order of NAMES."""
        return np.array([getattr(self.features, name) for name in NAMES])


def samples(clip: Clip, source: str, bundle: Bundle) -> list[Sample]:
    """A clip's pieces as the bundle's chain sees them. Raises DataError for one that does not decode."""
    person = f"{source} {clip.actor or clip.name}"
    found = []
    for frames in pieces(clip.frames()):
        seen = watched(frames, bundle)
        if seen is not None:
            found.append(Sample(source, f"{source} {clip.name}", person, *seen))
    return found


def pieces(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """CHUNK_S at a time; the rest of a clip belongs to its last piece, as long as that is less than twice as long."""
    waiting: deque[Frame] = deque()
    for frame in frames:
        waiting.append(frame)
        if frame.capture_time_s - waiting[0].capture_time_s >= 2 * CHUNK_S:
            end_s = waiting[0].capture_time_s + CHUNK_S
            piece = []
            while waiting[0].capture_time_s < end_s:
                piece.append(waiting.popleft())
            yield piece
    if waiting:
        yield list(waiting)


def watched(frames: Iterable[Frame], bundle: Bundle) -> tuple[float, InputFeatures] | None:
    """Mean luma and features of a stretch of frames; None for one that is too short to say anything."""
    manifest = bundle.manifest
    form = InputSpec("motion", manifest.input.height, manifest.input.width, manifest.input.levels_per_pixel)
    eyes = network_input(manifest.front_end, form, manifest.gate)
    gate = Gate(bundle.gate_weights(), manifest.gate.gammas, manifest.gate.hold)
    ticks, pictures, camera = [], [], []
    for frame in at_cadence(frames, Cadence(manifest.cadence), eyes.reset):
        x = eyes.see(gate.step(eyes.take(frame)))
        pictures.append(_half_size(frame))
        if x is not None:
            ticks.append(x[0].astype(np.float32) - ZERO)
            camera.append(eyes.camera_px)
    if len(ticks) < FEWEST_TICKS:
        return None
    # The first looks compare with a past that was made up.
    numbers = _of_ticks(ticks[3:], manifest.input.levels_per_pixel) | _of_noise(pictures[3:])
    numbers["camera_speed"] = float(np.mean(camera))
    return float(np.mean(pictures)), InputFeatures(**numbers)


def _half_size(frame: Frame) -> F32:
    small = cv2.resize(luma(frame.image).astype(np.float32), (160, 120), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _of_ticks(ticks: list[F32], levels_per_pixel: float) -> dict[str, float]:
    """The features of change and motion."""
    regions = [tick[..., 0] / LEVELS_PER_SIGMA > CHANGED_SIGMA for tick in ticks]
    changing = [region.sum() >= FEWEST_CELLS for region in regions]
    rows = [
        _of_region(tick, region, levels_per_pixel)
        for tick, region, there in zip(ticks, regions, changing, strict=True)
        if there
    ]
    overlaps = [(a & b).sum() / (a | b).sum() for a, b in pairwise(regions) if (a | b).sum() >= FEWEST_CELLS]
    names = [name for name in NAMES if name not in OF_THE_WHOLE]
    medians = {name: float(np.median([row[name] for row in rows])) if rows else float("nan") for name in names}
    medians["without_change"] = 1 - float(np.mean(changing))
    medians["persistence"] = float(np.median(overlaps)) if overlaps else float("nan")
    return medians


OF_THE_WHOLE = ("without_change", "persistence", "camera_speed", "noise", "noise_grain", "frozen")


def _of_region(tick: F32, region: Bools, levels_per_pixel: float) -> dict[str, float]:
    """One tick with change."""
    rows, columns = np.nonzero(region)
    top, bottom = np.percentile(rows, (5, 95))
    left, right = np.percentile(columns, (5, 95))
    box = region[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
    neighbours = np.asarray(cv2.filter2D(region.astype(np.float32), -1, AROUND, borderType=cv2.BORDER_CONSTANT)) - 1
    change = tick[..., 0][region] / LEVELS_PER_SIGMA
    speeds = np.hypot(tick[..., 1], tick[..., 2])[region] / levels_per_pixel
    upper = rows <= (top + bottom) / 2
    return {
        "area": float(region.mean()),
        "height": float(bottom - top + 1) / region.shape[0],
        "width": float(right - left + 1) / region.shape[1],
        "fill": float(box.mean()),
        "scattered": float((neighbours[region] <= 1).mean()),
        "change": float(np.median(change)),
        "change_high": float(np.percentile(change, 90)),
        "saturated": float((change > MOST_SIGMA).mean()),
        "speed": float(np.median(speeds)),
        "speed_high": float(np.percentile(speeds, 90)),
        "upper_speed": float(speeds[upper].mean()),
        "lower_speed": float(speeds[~upper].mean()) if (~upper).any() else float(speeds.mean()),
    }


def _of_noise(pictures: list[F32]) -> dict[str, float]:
    """Of pictures [120,160] a tick apart: how strong noise is in still blocks, how coarse, how often there is none."""
    strengths, grains, frozen = [], [], []
    for before, now in pairwise(pictures):
        blocks = _blocks(now - before)
        strength = np.sqrt((blocks**2).mean(axis=(1, 2)))
        still = strength <= np.quantile(strength, STILL_SHARE)
        strengths.append(float(np.median(strength[still])))
        frozen.append(float((strength[still] == 0).mean()))
        noise = blocks[still] - blocks[still].mean(axis=(1, 2), keepdims=True)
        power = (noise**2).mean()
        if power > LEAST_NOISE**2:
            grains.append(float((noise[:, :, 1:] * noise[:, :, :-1]).mean() / power))
    return {
        "noise": float(np.log2(max(np.median(strengths), LEAST_NOISE))),
        "noise_grain": float(np.median(grains)) if grains else float("nan"),
        "frozen": float(np.mean(frozen)),
    }


def _blocks(picture: F32) -> F32:
    """[h,w] -> [blocks, BLOCK_PX, BLOCK_PX]."""
    h, w = picture.shape
    grid = picture.reshape(h // BLOCK_PX, BLOCK_PX, w // BLOCK_PX, BLOCK_PX).transpose(0, 2, 1, 3)
    return np.asarray(grid.reshape(-1, BLOCK_PX, BLOCK_PX))
