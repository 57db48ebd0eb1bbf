"""`calibration compare-inputs`: rendered clips beside real ones as the network sees them, and what tells them apart.

calibration compare-inputs --rendered synthetic_val --real folder:DIR --limit 120
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from calibration.clip_sets.clips import Clip
from calibration.jobs.parallel import in_order
from calibration.jobs.progress import show_progress
from calibration.measurement.input_features import NAMES, Sample, samples
from calibration.measurement.telling_apart import Verdict, told_apart
from calibration.sets import open_set, public_name
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.errors import DataError, UsageError
from edge.paths import user_path

# Clips are set beside others of their light: noise and what is left of a body depend on it most of all.
LUMA_EDGES = (4.0, 8.0, 12.0, 16.0, 24.0, 40.0)
TABLES = ((4.0, 16.0), (16.0, 40.0))  # each with bands of its own
FEWEST = 20  # samples of either kind that a comparison needs
SEED = 11


def matched(rendered: Sequence[Sample], real: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """As many of either kind in every band of luma, chosen at random; what is darker or lighter is left out."""
    rng = np.random.default_rng(SEED)
    kept: tuple[list[Sample], list[Sample]] = ([], [])
    for low, high in pairwise(LUMA_EDGES):
        bands = [[one for one in kind if low <= one.mean_luma < high] for kind in (rendered, real)]
        count = min(len(band) for band in bands)
        for kind, band in zip(kept, bands, strict=True):
            kind += [band[i] for i in sorted(rng.permutation(len(band))[:count])]
    return kept


def table(kinds: dict[str, Sequence[Sample]]) -> str:
    """Medians and quartiles of every feature, a column a source, as Markdown."""
    lines = [
        "| | " + " | ".join(f"{name} ({len(of)})" for name, of in kinds.items()) + " |",
        "|---" * (len(kinds) + 1) + "|",
    ]
    for feature in ("mean_luma", *NAMES):
        cells = []
        for of in kinds.values():
            values = np.array(
                [one.mean_luma if feature == "mean_luma" else getattr(one.features, feature) for one in of]
            )
            values = values[~np.isnan(values)]
            low, middle, high = np.percentile(values, (25, 50, 75)) if len(values) else (np.nan,) * 3
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        lines.append(f"| {feature} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict(rendered: Sequence[Sample], real: Sequence[Sample], by: str) -> Verdict:
    """Told apart on clips, or on people (`by`), never learnt from."""
    both = [*rendered, *real]
    is_real = np.arange(len(both)) >= len(rendered)
    return told_apart(np.stack([one.vector for one in both]), is_real, [getattr(one, by) for one in both], NAMES)


def compared(rendered: Sequence[Sample], real: Sequence[Sample]) -> str:
    """The tables and both verdicts of a rendered set beside real ones. Raises DataError where too little matches."""
    source = rendered[0].source if rendered else "the rendered set"
    rendered, real = matched(rendered, real)
    if len(rendered) < FEWEST:
        raise DataError(
            f"{source}: {len(rendered)} clips have a real one of their light beside them; {FEWEST} are needed. "
            f"Only mean luma {LUMA_EDGES[0]:.0f} to {LUMA_EDGES[-1]:.0f} is compared; raise --limit or choose others"
        )
    lines = []
    for low, high in TABLES:
        inside = [[one for one in kind if low <= one.mean_luma < high] for kind in (rendered, real)]
        lines += [f"mean luma {low:.0f} to {high:.0f}:\n", table({source: inside[0], "real": inside[1]}), ""]
    for by in ("clip", "person"):
        found = verdict(rendered, real, by)
        low, high = found.accuracy.interval
        lines.append(
            f"told from real ones on {by}s never seen: {100 * found.accuracy.value:.0f} % "
            f"({100 * low:.0f} to {100 * high:.0f}; chance is 50)"
        )
        told = (f"{name} ({100 * reached:.0f} %)" for name, reached in found.telling)
        lines.append(f"told most by {', then '.join(told)}")
    return "\n".join(lines)


def taken(name: str, arguments: argparse.Namespace, bundle: Bundle) -> list[Sample]:
    """What every clip of a set gives. Raises EdgeError for a set or a clip that cannot be read."""
    clips = open_set(name, arguments.data_root, arguments.limit).clips
    show, found = show_progress(public_name(name)), []
    work = partial(_of_clip, public_name(name), bundle)
    for done, (_, future) in enumerate(in_order(work, clips, arguments.workers), 1):
        found += future.result()
        show(done, len(clips))
    return found


def _of_clip(source: str, bundle: Bundle, clip: Clip) -> list[Sample]:
    cv2.setNumThreads(1)
    return samples(clip, source, bundle)


def add_parser(commands: Any) -> None:
    """Register the command with `calibration`."""
    parser = commands.add_parser("compare-inputs", help="rendered clips beside real ones as the network sees them")
    parser.add_argument("--rendered", action="append", required=True, metavar="NAME", help="a set; more than once")
    parser.add_argument("--real", action="append", required=True, metavar="NAME", help="a set; more than once")
    parser.add_argument("--data-root", type=user_path, metavar="DIR", help="where downloaded data sets lie")
    parser.add_argument("--limit", type=int, help="at most so many clips of each set")
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print a table and the verdicts for every rendered set. Raises EdgeError."""
    if arguments.workers < 1:
        raise UsageError(f"--workers is {arguments.workers}; it must be 1 or more")
    bundle = Bundle.load(default_bundle_path())
    real = [sample for name in arguments.real for sample in taken(name, arguments, bundle)]
    for name in arguments.rendered:
        print(f"\n{public_name(name)}\n")
        print(compared(taken(name, arguments, bundle), real), flush=True)
    return 0
