"""`calibration compare-statistics`: rendered clips beside real dark ones, by brightness, contrast, entropy and noise.

calibration compare-statistics --set synthetic_val --set folder:DIR --limit 60 --out docs/clip-statistics.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from calibration import svg
from calibration.clip_sets.clips import Clip, ClipSet
from calibration.jobs.progress import show_progress
from calibration.sets import open_set
from edge.errors import UsageError
from edge.files import check_can_write, write_whole
from edge.paths import user_path
from edge.picture.front_end import FrontEnd
from edge.recognition.inputs.flow import luma

F64 = npt.NDArray[np.float64]
SMALL = (120, 160)  # what the statistics are taken of, as on the device
BLOCK_PX = 16
FRAMES = 16  # of a clip, for its temporal noise
SKIPPED_FRAMES = 4  # an inter-frame codec starts with a picture of its own
STILL_SHARE = 0.4  # of the blocks: those whose mean changes least
LUMA_EDGES = (0, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
QUANTILES = (10, 50, 90)
FEWEST_BLOCKS = 60


@dataclass(frozen=True)
class ClipStatistics:
    """mean, std (levels) and entropy (nats) of the clip's frames, averaged. noise: [still blocks, 2], luma and the
    median over the block of the standard deviation over time, both in levels.
    """

    mean: float
    std: float
    entropy: float
    noise: F64


@dataclass(frozen=True)
class SetStatistics:
    """The clips of one set and, where they tell it, of one light."""

    name: str
    clips: tuple[ClipStatistics, ...]

    def quantiles(self, what: str) -> F64:
        """QUANTILES of mean, std or entropy over the clips."""
        return np.asarray(np.percentile([getattr(clip, what) for clip in self.clips], QUANTILES), np.float64)

    def noise_by_luma(self) -> list[tuple[float, float] | None]:
        """Per bin of LUMA_EDGES: median luma and median temporal noise of its blocks; None for too few blocks."""
        luma_, sigma = np.concatenate([clip.noise for clip in self.clips]).T
        points: list[tuple[float, float] | None] = []
        for low, high in pairwise(LUMA_EDGES):
            inside = (luma_ >= low) & (luma_ < high)
            enough = inside.sum() >= FEWEST_BLOCKS
            points.append((float(np.median(luma_[inside])), float(np.median(sigma[inside]))) if enough else None)
        return points


def clip_statistics(clip: Clip) -> ClipStatistics:
    """Measure one clip; frames of any size of 320x240 or more pixels."""
    front_end = FrontEnd(*SMALL)
    seen, kept = [], []
    for i, frame in enumerate(clip.frames()):
        statistics = front_end.measure(frame.image)
        seen.append((statistics.mean, statistics.std, statistics.entropy))
        if SKIPPED_FRAMES <= i < SKIPPED_FRAMES + FRAMES:
            kept.append(luma(frame.image))
    mean, std, entropy = np.mean(seen, axis=0).tolist()
    return ClipStatistics(mean, std, entropy, temporal_noise(np.stack(kept)) if len(kept) > 2 else np.zeros((0, 2)))


def temporal_noise(clip: npt.NDArray[np.uint8]) -> F64:
    """Luma [T,H,W] -> [blocks,2]: mean luma, and temporal noise in the blocks that move least."""
    rows, columns = clip.shape[1] // BLOCK_PX, clip.shape[2] // BLOCK_PX
    whole = clip[:, : rows * BLOCK_PX, : columns * BLOCK_PX].astype(np.float32)
    blocks = whole.reshape(len(whole), rows, BLOCK_PX, columns, BLOCK_PX).transpose(1, 3, 0, 2, 4)
    blocks = blocks.reshape(rows * columns, len(whole), BLOCK_PX * BLOCK_PX)
    drift = blocks.mean(axis=2).std(axis=1)
    still = blocks[drift <= np.quantile(drift, STILL_SHARE)]
    return np.stack([still.mean(axis=(1, 2)), np.median(still.std(axis=1), axis=1)], axis=1).astype(np.float64)


def measure(sets: Sequence[ClipSet]) -> Iterator[SetStatistics]:
    """Measure every clip of every set; a set whose clips tell their light is split by it."""
    for one in sets:
        lights = sorted({clip.light or "" for clip in one.clips}, reverse=True)
        for light in lights:
            clips = [clip for clip in one.clips if (clip.light or "") == light]
            show = show_progress(f"{one.name} {light}".strip())
            measured = []
            for done, clip in enumerate(clips, 1):
                measured.append(clip_statistics(clip))
                show(done, len(clips))
            yield SetStatistics(f"{_public(one.name)} {light}".strip(), tuple(measured))


def markdown(sets: Sequence[SetStatistics], command: str, picture: str) -> str:
    """A page: what was run, statistics by set, temporal noise by luma, the name of the plot."""
    return PAGE.format(
        command=command, statistics=_statistics_rows(sets), noise=_noise_rows(sets), picture=picture, px=BLOCK_PX
    )


PAGE = """\
# Statistics of clips

`{command}` wrote this page.

Statistics of the small frame, as the gate sees them, averaged over the clip: median over the clips (and the 10th to
the 90th percentile).

{statistics}

Temporal noise in still regions, in levels, by luma: median over blocks of {px}x{px} pixels; a dash where there are too
few.

{noise}

![temporal noise against luma]({picture})
"""


def _statistics_rows(sets: Sequence[SetStatistics]) -> str:
    rows = ["| set | clips | mean, levels | standard deviation, levels | entropy, nats |", "|---|---|---|---|---|"]
    for one in sets:
        values = (one.quantiles(what) for what in ("mean", "std", "entropy"))
        cells = " | ".join(f"{middle:.1f} ({low:.1f} to {high:.1f})" for low, middle, high in values)
        rows.append(f"| {one.name} | {len(one.clips)} | {cells} |")
    return "\n".join(rows)


def _noise_rows(sets: Sequence[SetStatistics]) -> str:
    rows = ["| luma | " + " | ".join(one.name for one in sets) + " |", "|---" * (len(sets) + 1) + "|"]
    lines = zip(*(one.noise_by_luma() for one in sets), strict=True)
    for (low, high), points in zip(pairwise(LUMA_EDGES), lines, strict=True):
        if any(points):
            cells = " | ".join("-" if point is None else f"{point[1]:.2f}" for point in points)
            rows.append(f"| {low} to {high} | {cells} |")
    return "\n".join(rows)


def plot(sets: Sequence[SetStatistics]) -> str:
    """Noise against luma as SVG."""
    series = {one.name: [p for p in one.noise_by_luma() if p is not None and min(p) > 0] for one in sets}
    return svg.curves({name: line for name, line in series.items() if line}, "luma", "temporal noise, levels")


def add_parser(commands: Any) -> None:
    """Register the command with `calibration`."""
    parser = commands.add_parser("compare-statistics", help="rendered clips beside real ones: brightness and noise")
    parser.add_argument("--set", action="append", required=True, metavar="NAME", help="a set by name; more than once")
    parser.add_argument("--data-root", type=user_path, metavar="DIR", help="where downloaded data sets lie")
    parser.add_argument("--limit", type=int, help="at most so many clips of each set")
    parser.add_argument(
        "--out", type=user_path, metavar="MD", required=True, help="the tables; the plot goes beside, as .svg"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, write the tables and the plot. Raises EdgeError."""
    cv2.setNumThreads(1)
    out: Path = arguments.out
    if out.suffix != ".md":
        raise UsageError(f"{out}: expected a file .md in a folder that exists")
    for file, what in ((out, "the tables"), (out.with_suffix(".svg"), "the plot")):
        check_can_write(file, what)
    sets = [open_set(name, arguments.data_root, arguments.limit) for name in arguments.set]
    measured = list(measure(sets))
    picture = out.with_suffix(".svg")
    write_whole(picture, plot(measured))
    limit = f" --limit {arguments.limit}" if arguments.limit else ""
    names = " ".join(f"--set {_public(one.name)}" for one in sets)
    command = f"calibration compare-statistics {names}{limit} --out {out.name}"
    page = markdown(measured, command, picture.name)
    write_whole(out, page)
    print(page)
    return 0


def _public(name: str) -> str:
    """A set's name without the folders of this machine."""
    kind, colon, folder = name.partition(":")
    return kind + colon + folder.rstrip("/").rpartition("/")[2]
