"""The command `quantize`: a float bundle in, an INT8 bundle per target out, or exit 1 and no bundle.

quantize --calib synthetic_val --model FLOAT --out INT8
quantize --calib ellar_val --data-root DIR --acceptance ellar_test --model FLOAT --target arm,openvino --out DIR
quantize --calib folder:CLIPS --model student.onnx --like FLOAT --out INT8.tar --html report.html
torchrun --standalone --nproc-per-node 2 -m quantize.cli --calib ...     # the clips shared among processes
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from calibration.jobs.progress import show_progress
from calibration.jobs.shards import ShardTeam, shard_team
from calibration.sets import open_set
from edge.bundles.bundle import Bundle, check_target, write_bundle
from edge.bundles.manifest import TARGETS
from edge.command import run_command
from edge.errors import EXIT_FAILURE, EdgeError, UsageError
from edge.files import check_can_write, write_whole
from edge.paths import user_path
from edge.shipped import install_extra
from edge.streams import holding_streams
from quantize.observing.estimators import ESTIMATORS

if TYPE_CHECKING:
    from quantize.job import QuantizeRequest
    from quantize.result import QuantizeResult
    from quantize.telling.report import QuantizeReport


@holding_streams("quantize")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 written, 1 a target was refused, 2 usage or data, 78 a bad bundle."""
    options = _parser().parse_args(arguments)
    return run_command("quantize", lambda: _run(options), stopped="stopped, nothing written")


def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("onnx") is None:
        raise UsageError(f"the package onnx is missing; install it with: {install_extra('quantize')}")
    from quantize.source import load_source

    request = _request(options)
    _check_outputs(options, request)  # before minutes of work
    source = load_source(options.model, options.like)
    with shard_team(options.exchange) as processes:
        result = _quantized(options, source, request, processes)
        return _judged(options, result) if processes.first else 0


def _request(options: argparse.Namespace) -> QuantizeRequest:
    from quantize.job import QuantizeRequest
    from quantize.search import Search

    return QuantizeRequest(
        set_name=options.calib,
        targets=options.target,
        out=options.out,
        search=Search(options.estimator, options.mixed == "auto", options.max_drop),
        limit=options.limit,
        seed=options.seed,
        acceptance_name=options.acceptance,
        workers=options.workers,
    )


def _check_outputs(options: argparse.Namespace, request: QuantizeRequest) -> None:
    if len(request.targets) > 1 and options.out.suffix == ".tar":
        raise UsageError(f"{options.out}: {len(request.targets)} targets are as many bundles; name a folder for them")
    for target in request.targets:
        check_target(request.path(target))
    for report in (options.html, options.json):
        if report is not None:
            check_can_write(report, "the report")
    if "openvino" in request.targets and importlib.util.find_spec("nncf") is None:
        raise UsageError(f"--target openvino needs nncf; install it with: {install_extra('quantize-openvino')}")
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"limit is {options.limit}; it must be 1 or more clips")


def _quantized(
    options: argparse.Namespace, source: Bundle, request: QuantizeRequest, processes: ShardTeam
) -> QuantizeResult:
    from quantize.job import quantize

    clips = open_set(options.calib, options.data_root)
    acceptance = None if options.acceptance is None else open_set(options.acceptance, options.data_root)
    show = show_progress if processes.first else lambda *_: None
    return quantize(source, clips, request, acceptance, show, processes)


def _judged(options: argparse.Namespace, result: QuantizeResult) -> int:
    """Prove what was made, say what it is worth, and write the targets that nothing stands against."""
    from quantize.judging.verify import float_peak_mb, verify
    from quantize.telling.report import QuantizeReport, text

    for warning in result.coverage.warnings:
        print(f"quantize: warning: {warning}", file=sys.stderr)
    report = QuantizeReport(result, verify(result), float_peak_mb(result))
    # The bundles first: what can still go wrong with a report must not cost the work.
    refused, lines = _write_bundles(options, report)
    try:
        _write_reports(options, report)
    finally:
        print("\n".join([text(report), *lines]), flush=True)
    return EXIT_FAILURE if refused else 0


def _write_bundles(options: argparse.Namespace, report: QuantizeReport) -> tuple[bool, list[str]]:
    """Whether a target was refused, and a line for each that was written."""
    from quantize.job import with_notes

    refused, lines = False, []
    for target, verification in zip(report.result.targets, report.verifications, strict=True):
        bundle, reasons = target.bundle, [refusal.reason for refusal in verification.refusals]
        if reasons and not options.force:
            print(f"quantize: {'; '.join(reasons)}; {target.path} is not written", file=sys.stderr)
            refused = True
            continue
        if reasons:
            print(f"quantize: warning: {'; '.join(reasons)}; written because of --force", file=sys.stderr)
            bundle = with_notes(bundle, tuple(f"FORCED: {reason}" for reason in reasons))
        write_bundle(target.path, bundle.manifest, bundle.files)
        lines.append(f"written    {target.path}")
    return refused, lines


def _write_reports(options: argparse.Namespace, report: QuantizeReport) -> None:
    from calibration.evaluation.html.pictures import held_out_curve
    from quantize.telling.report import as_dict
    from quantize.telling.report_html import page

    try:
        if options.html is not None:
            write_whole(options.html, page(report, held_out_curve(options.model)))
        if options.json is not None:
            write_whole(options.json, json.dumps(as_dict(report), indent=2) + "\n")
    except OSError as error:
        raise EdgeError(f"{error.filename}: the report cannot be written ({error.strerror})") from error


def _points(text: str) -> float:
    """A finite number: NaN would accept any loss."""
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not math.isfinite(points):
        raise argparse.ArgumentTypeError(f"expected a number of points, found {text!r}")
    return points


def _targets(text: str) -> tuple[str, ...]:
    targets = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = [name for name in targets if name not in TARGETS]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected some of {','.join(TARGETS)}, found {unknown[0]!r}")
    return targets


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quantize",
        description="Make INT8 bundles of a float one, and accept none that loses accuracy or time.",
    )
    add = parser.add_argument
    add("--calib", required=True, metavar="SET", help="a data set by name: `calibration list` shows them")
    add("--acceptance", metavar="SET", help="the set that the loss is judged on (default: half of --calib's clips)")
    # Its earlier name: now a gate is what chooses experts, and nothing else.
    add("--gate", dest="acceptance", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    add("--data-root", type=user_path, metavar="DIR", help="where downloaded data sets lie")
    add(
        "--model",
        type=user_path,
        required=True,
        metavar="MODEL",
        help="float bundle (a directory, a .tar), or a .onnx file",
    )
    add(
        "--like",
        type=user_path,
        metavar="BUNDLE",
        help="for a .onnx file: the bundle whose labels, input and gate it has",
    )
    add("--target", type=_targets, default=("x86",), help=f"some of {','.join(TARGETS)} (default: x86)")
    add("--out", type=user_path, required=True, help="INT8 bundle, a directory or .tar; of several targets the folder")
    add(
        "--estimator",
        choices=("auto", *ESTIMATORS),
        default="auto",
        help="of ranges; auto keeps the best on held-out clips",
    )
    add("--mixed", choices=("off", "auto"), default="off", help="auto: the fewest layers stay float to keep --max-drop")
    add("--max-drop", type=_points, default=1.0, help="points of top-1 or macro it may lose (default: 1.0)")
    add("--force", action="store_true", help="write it whatever stands against it; the manifest says so")
    add("--limit", type=int, help="at most so many clips, spread over classes, cameras and lights")
    add("--seed", type=int, default=0, help="of every choice of clips (default: 0)")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes that decode (default: all cores)")
    add("--html", type=user_path, metavar="FILE", help="the report with plots, in one file")
    add("--json", type=user_path, metavar="FILE", help="the report for programs")
    add(
        "--exchange",
        type=user_path,
        metavar="DIR",
        help="under torchrun on several machines: a folder that all of them see",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
