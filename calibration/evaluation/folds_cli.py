"""`edge-folds`: accuracy on people that a student has not seen, from what `distill folds` wrote.

edge-folds --folds runs/folds --set folder:DIR --html report.html
edge-folds --folds runs/folds --member int8 --against bundle --set folder:DIR --record BUNDLE
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from calibration.evaluation.folds import evaluate_folds, folds_in, record
from calibration.evaluation.html import page as html_page
from calibration.evaluation.html.pictures import mean_curve
from calibration.evaluation.options import attributes
from calibration.evaluation.protocols import groups
from calibration.evaluation.report import EvaluationReport, report, summary_line
from calibration.evaluation.variants import Variant
from calibration.sets import open_set, public_name
from edge.bundles.bundle import Bundle
from edge.command import run_command
from edge.errors import EXIT_STOPPED
from edge.files import check_can_make, check_can_write
from edge.paths import user_path
from edge.streams import holding_streams


@holding_streams("edge-folds")
def main(arguments: Sequence[str] | None = None) -> int:
    """The command `edge-folds`; returns its exit code."""
    options = _parser().parse_args(arguments)
    return run_command("edge-folds", lambda: _evaluated(options))


def _evaluated(options: argparse.Namespace) -> int:
    if options.html is not None:
        check_can_write(options.html, "the report")
    members = [options.member] + ([options.against] if options.against else [])
    for path in options.record:  # before minutes of work
        Bundle.load(path)
        check_can_make(path, "the measurement")
    clips = open_set(options.set, options.data_root)
    evaluations = evaluate_folds(options.folds, members, clips, Variant(gamma=options.gamma, average=options.average))
    print(report(evaluations))
    if options.html is not None:
        named = [replace(one, name=member) for one, member in zip(evaluations, members, strict=True)]
        tables = [groups(named[0], attribute) for attribute in options.by]
        found = EvaluationReport(tuple(named), tuple(tables))
        html_page.write(options.html, html_page.page(found, mean_curve(folds_in(options.folds), options.member)))
    for attribute in options.by:
        for member, evaluation in zip(members, evaluations, strict=True):
            for value, part in evaluation.by(attribute).items():
                print(f"{member}, {attribute} {value}: {summary_line(part)}")
    command = f"edge-folds --folds FOLDS --member {options.member} --set {public_name(options.set)}"
    for path in options.record:
        record(path, evaluations[0], "folds that leave actors out", command)
    return EXIT_STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-folds", description="Accuracy on actors that training left out.")
    parser.add_argument("--folds", type=user_path, required=True, help="what `distill folds` wrote")
    parser.add_argument("--member", default="bundle", help="which bundle of every fold (default: %(default)s)")
    parser.add_argument("--against", help="another bundle of every fold, compared clip by clip")
    parser.add_argument("--set", required=True, help="the data set whose actors were left out")
    parser.add_argument("--data-root", type=user_path, help="where downloaded data sets lie")
    parser.add_argument("--gamma", type=float, help="fix the gamma (default: the gate chooses)")
    parser.add_argument("--by", type=attributes, default=(), metavar="light,camera,actor", help="a line for each value")
    parser.add_argument("--html", type=user_path, metavar="FILE", help="write a report with plots, in one file")
    parser.add_argument("--average", action="store_true", help="every expert answers, averaged (default: the gate's)")
    parser.add_argument(
        "--record",
        type=user_path,
        action="append",
        default=[],
        metavar="BUNDLE",
        help="write it into a bundle's manifest",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
