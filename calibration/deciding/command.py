"""`calibration decide`: gives a bundle a decision, chosen on streams of people to choose by."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any

from calibration.deciding.choosing import TARGETS_AN_HOUR, choose, described, raw
from calibration.evaluation.streams.composing.choice import DEFAULT_MINUTES, sources
from calibration.evaluation.streams.running import hear
from calibration.jobs.progress import show_progress
from edge.bundles.bundle import Bundle, write_bundle
from edge.errors import EXIT_STOPPED, UsageError
from edge.files import check_can_make
from edge.paths import cache_folder, user_path

DEFAULT_SET = "life_val"


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser("decide", help="choose how a bundle decides in streams: operating points, calibration")
    add = parser.add_argument
    add("--bundle", type=user_path, metavar="BUNDLE", required=True, help="the network; it is not changed")
    add("--out", type=user_path, metavar="DIR", required=True, help="the same bundle with its decision")
    add(
        "--set",
        default=DEFAULT_SET,
        help=f"streams to choose by, never those that are reported (default: {DEFAULT_SET})",
    )
    add("--data-root", type=user_path, metavar="DIR", help="where downloaded data sets lie")
    add("--hours", type=float, help="of streams in all (default: as edge-eval --stream)")
    add("--seed", type=int, default=0, help="of the streams (default: 0)")
    add(
        "--false-per-hour",
        type=float,
        nargs=3,
        metavar=("LOW", "NORMAL", "HIGH"),
        default=TARGETS_AN_HOUR,
        help="false labels that each operating point may say (default: %(default)s)",
    )
    add("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: one for each core)")
    parser.set_defaults(run=_decide)


def _decide(options: argparse.Namespace) -> int:
    targets = tuple(options.false_per_hour)
    if not 0 <= targets[0] <= targets[1] <= targets[2]:
        told = " ".join(f"{target:g}" for target in targets)
        raise UsageError(f"--false-per-hour: expected three rates from 0 upwards, the lowest first, found {told}")
    check_can_make(options.out, "the bundle")
    bundle = Bundle.load(options.bundle)
    heard = hear(
        dataclasses.replace(bundle, manifest=raw(bundle.manifest), digest=f"{bundle.digest} raw"),
        sources(options.set, options.data_root, hours=options.hours, minutes=DEFAULT_MINUTES, seed=options.seed),
        workers=options.workers,
        cache=None if (cache := cache_folder()) is None else cache / "streams",
        progress=show_progress("listening", "streams"),
    )
    choice = choose(heard, targets, show_progress("choosing", "decisions"))
    write_bundle(options.out, bundle.manifest.deciding(choice.spec), dict(bundle.files))
    print(f"{options.out}: {bundle.manifest.name}, chosen on {options.set}, seed {options.seed}")
    print("\n".join(described(choice)))
    return EXIT_STOPPED
