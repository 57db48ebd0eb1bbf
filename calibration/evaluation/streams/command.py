"""What `edge-eval --stream` does: its options, and from them to a report."""

from __future__ import annotations

import argparse
import os

from calibration.evaluation.streams.composing.choice import DEFAULT_HOURS, DEFAULT_MINUTES, DEFAULT_SET, LIFE, sources
from calibration.evaluation.streams.report import StreamReport
from calibration.evaluation.streams.running import hear
from calibration.evaluation.streams.scores import scored
from calibration.evaluation.variants import build_alone
from calibration.jobs.progress import show_progress
from edge.bundles.bundle import Bundle
from edge.errors import UsageError
from edge.paths import cache_folder, user_path

# What else `edge-eval` takes, and makes no sense of a stream.
OF_STREAMS = ("hours", "minutes", "workers", "cache")
NOT_OF_STREAMS = ("against", "gamma", "average", "clip", "by", "protocol", "baselines", "exchange")


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--stream` and what belongs to it."""
    group = parser.add_argument_group(
        "in a stream", f"--set is then {', '.join(LIFE)} (rendered lives; default: {DEFAULT_SET}) or any data set"
    )
    group.add_argument(
        "--stream", action="store_true", help="long streams instead of clips: events, latency, false labels an hour"
    )
    group.add_argument(
        "--hours", type=float, help=f"of streams in all (default: rendered {DEFAULT_HOURS:g}, of a data set all clips)"
    )
    group.add_argument("--minutes", type=float, help=f"of one stream, about (default: {DEFAULT_MINUTES:g})")
    group.add_argument("--workers", type=int, help="processes (default: one for each core)")
    group.add_argument(
        "--cache", type=user_path, metavar="DIR", help="where finished streams are kept, to go on from after a stop"
    )


def check_without_stream(options: argparse.Namespace) -> None:
    """Raises UsageError for what makes sense of streams alone."""
    given = [f"--{name}" for name in OF_STREAMS if getattr(options, name) is not None]
    if given:
        raise UsageError(f"{', '.join(given)}: only of streams; add --stream or leave it out")


def streamed(options: argparse.Namespace) -> StreamReport:
    """Compose, run what is not kept from before, and score. Raises UsageError, DataError, BundleError."""
    given = [f"--{name}" for name in NOT_OF_STREAMS if getattr(options, name)]
    if given:
        raise UsageError(f"--stream runs the bundle as the device does; leave out {', '.join(given)}")
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"--workers is {options.workers}; it must be 1 or more")
    name = options.set or DEFAULT_SET
    found = sources(
        name,
        options.data_root,
        hours=options.hours,
        minutes=DEFAULT_MINUTES if options.minutes is None else options.minutes,
        seed=options.seed,
        limit=options.limit,
    )
    bundle = build_alone(Bundle.load(options.bundle))
    cache = options.cache or cache_folder()
    heard = hear(
        bundle,
        found,
        threads=options.threads,
        engine=options.engine,
        workers=options.workers or len(os.sched_getaffinity(0)),
        cache=None if cache is None else cache / "streams",
        progress=show_progress("listening", "streams"),
    )
    labels = bundle.manifest.labels
    nameless = sorted({label for one in found for label in one.labels if one.naming(labels)(label) is None})
    return StreamReport(
        f"{bundle.manifest.name} {bundle.manifest.precision}",
        "+".join(one.name for one in found),
        scored(heard),
        tuple(label for label in nameless if label not in ("other", "nobody")),
        tuple(message for one in heard for message in one.truth.damaged),
    )
