"""The command `quantize`: a float bundle in, an INT8 bundle out, or exit 1 and no bundle if it lost too much.

quantize --calib synthetic_val --model FLOAT --out INT8
quantize --calib ellar_val --data-root DIR --model FLOAT --out INT8.tar --max-drop 0.5
torchrun --standalone --nproc-per-node 2 -m quantize.cli --calib ...     # the clips shared among processes
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.evaluate import comparison_line, left_out, show_progress, summary_line
from calibration.sets import open_set
from calibration.shards import team
from edge.bundle import Bundle, check_target, write_bundle
from edge.errors import EXIT_FAILURE, EdgeError, UsageError

if TYPE_CHECKING:
    from quantize.job import Result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 written, 1 lost too much, 2 usage or data, 78 a bad bundle."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except EdgeError as error:
        print(f"quantize: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("quantize: stopped, nothing written", file=sys.stderr)
        return EXIT_FAILURE


def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("onnx") is None:
        raise UsageError("the package onnx is missing; install it with: pip install 'ellar-edge[quantize]'")
    from quantize.job import Request, quantize

    check_target(options.out)  # before minutes of work
    bundle = Bundle.load(options.model)
    clips = open_set(options.calib, options.data_root, options.limit, options.seed)
    request = Request(options.calib, options.limit, options.seed, options.target)
    with team(options.exchange) as processes:
        calibrating, evaluating = (
            show_progress(what) if processes.first else None for what in ("calibrating", "evaluating")
        )
        result = quantize(bundle, clips, request, calibrating, evaluating, processes)
    return _judge(options, bundle, result) if processes.first else 0


def _judge(options: argparse.Namespace, bundle: Bundle, result: Result) -> int:
    """Say what it is worth, and write it or not."""
    from quantize.job import ENOUGH_TICKS, forced

    if result.ticks < ENOUGH_TICKS:
        print(
            f"quantize: warning: {result.ticks} ticks are few to calibrate on; take {ENOUGH_TICKS} or more (--limit)",
            file=sys.stderr,
        )
    print(_report(bundle, result), flush=True)
    written = result.bundle
    if result.drop > options.max_drop:
        verdict = f"INT8 lost {result.drop:.1f} points, --max-drop allows {options.max_drop:g}"
        if not options.force:
            print(
                f"quantize: {verdict}; nothing written. Calibrate on more clips or on clips like those of the device "
                "(--calib, --limit), or take it as it is (--force)",
                file=sys.stderr,
            )
            return EXIT_FAILURE
        print(f"quantize: warning: {verdict}; written because of --force, and the manifest says so", file=sys.stderr)
        written = forced(result, options.max_drop)
    write_bundle(options.out, written.manifest, written.files)
    print(f"written    {options.out}")
    return 0


def _report(source: Bundle, result: Result) -> str:
    from quantize.measure import kernels, latencies_ms

    sizes = [len(bundle.student_bytes()) for bundle in (source, result.bundle)]
    float_ms, integer_ms = latencies_ms(source, result.bundle)
    ran = kernels(result.bundle.student_bytes())
    lines = [
        f"calibrated {len(result.after.results)} clips, {result.ticks} ticks under each gamma",
        f"float      {summary_line(result.before)}",
        f"INT8       {summary_line(result.after)}",
        f"decisions  {comparison_line(result.comparison, 'float', 'INT8')}",
        f"size       {sizes[0] / 1e6:.2f} MB -> {sizes[1] / 1e6:.2f} MB",
        f"latency    {float_ms:.3f} ms -> {integer_ms:.3f} ms a step, {float_ms / integer_ms:.1f} times faster here",
        f"integer    {ran.integer} of {ran.integer + len(ran.floats)} convolutions run as QLinearConv",
    ]
    if ran.floats:
        lines.append(f"           in float: {', '.join(ran.floats)}")
    return "\n".join(lines + left_out(result.after))


def _points(text: str) -> float:
    """A finite number: NaN would open the gate to any loss."""
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not math.isfinite(points):
        raise argparse.ArgumentTypeError(f"expected a number of points, found {text!r}")
    return points


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quantize", description="Make an INT8 bundle of a float one, and refuse if it loses accuracy."
    )
    parser.add_argument(
        "--calib", required=True, metavar="SET", help="a data set by name: `calibration list` shows them"
    )
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="where downloaded data sets lie")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="BUNDLE", help="float bundle, a directory or a .tar"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="INT8 bundle, a directory or a .tar")
    parser.add_argument(
        "--max-drop", type=_points, default=1.0, help="points of top-1 or macro it may lose (default: 1.0)"
    )
    parser.add_argument("--force", action="store_true", help="write it whatever it lost; the manifest says so")
    parser.add_argument("--limit", type=int, help="at most so many clips, spread over classes, cameras and lights")
    parser.add_argument("--seed", type=int, default=0, help="of the choice that --limit makes (default: 0)")
    parser.add_argument(
        "--exchange", type=Path, metavar="DIR", help="under torchrun on several machines: a folder that all of them see"
    )
    parser.add_argument("--target", choices=["x86"], default="x86", help="where it shall run (default: x86)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
