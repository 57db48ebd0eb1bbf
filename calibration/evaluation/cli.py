"""`edge-eval`: accuracy of a bundle on a set of clips, as the device would decide them.

edge-eval --bundle BUNDLE --set synthetic_test
edge-eval --bundle INT8 --against FLOAT --set folder:CLIPS --gamma 2
edge-eval --stream --hours 0.5
edge-eval --set ellar_test --data-root DIR --protocol ellar-table4 --baselines --html report.html
torchrun --nproc-per-node 2 -m calibration.evaluation.cli --set synthetic_test
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

from calibration.evaluation.evaluate import contend
from calibration.evaluation.html import page as html_page
from calibration.evaluation.html.pictures import held_out_curve
from calibration.evaluation.options import attributes
from calibration.evaluation.protocols import PROTOCOLS, check_protocol
from calibration.evaluation.report import EvaluationReport, as_dict, text
from calibration.evaluation.streams.command import add_options, check_without_stream, streamed
from calibration.evaluation.streams.page import page as stream_page
from calibration.evaluation.streams.report import as_dict as stream_dict
from calibration.evaluation.streams.report import text as stream_text
from calibration.evaluation.variants import Variant, ablations, baselines, build_alone
from calibration.jobs.progress import show_progress
from calibration.jobs.shards import ShardTeam, shard_team
from calibration.sets import open_set
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.command import run_command
from edge.engines import NAMES
from edge.errors import EXIT_STOPPED, UsageError
from edge.files import check_can_write
from edge.paths import user_path
from edge.streams import holding_streams


@holding_streams("edge-eval")
def main(arguments: Sequence[str] | None = None) -> int:
    """The command `edge-eval`; returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.set is None and not options.stream:
        parser.error("the following arguments are required: --set (only --stream has sets of its own)")
    return run_command("edge-eval", lambda: _stream(options) if options.stream else _clips(options))


def _clips(options: argparse.Namespace) -> int:
    """Clip by clip, in this process's share, and told by the first of them."""
    check_without_stream(options)
    with shard_team(options.exchange) as processes:
        found = _evaluated(options, processes)
        if processes.first:
            if options.html is not None:
                html_page.write(options.html, html_page.page(found, held_out_curve(options.bundle)))
            print(json.dumps(as_dict(found), indent=2) if options.json else text(found))
    return EXIT_STOPPED


def _stream(options: argparse.Namespace) -> int:
    """`--stream`: long streams through the whole pipeline."""
    if options.html is not None:
        check_can_write(options.html, "the report")
    found = streamed(options)
    if options.html is not None:
        html_page.write(options.html, stream_page(found))
    print(json.dumps(stream_dict(found), indent=2) if options.json else stream_text(found))
    return EXIT_STOPPED


def _evaluated(options: argparse.Namespace, processes: ShardTeam) -> EvaluationReport:
    """Load, run everything that was asked for in one pass over the clips, and sort it into a report."""
    if options.html is not None:
        check_can_write(options.html, "the report")
    bundle = build_alone(Bundle.load(options.bundle))
    gammas = bundle.manifest.gate.gammas
    main_variants = (
        ablations(gammas)
        if options.protocol == "ellar-table7"
        else [Variant(gamma=options.gamma, average=options.average)]
    )
    if options.gamma is not None and len(main_variants) > 1:
        raise UsageError("--gamma fixes what ellar-table7 switches on and off; leave one of them out")
    contestants = [(bundle, variant) for variant in (baselines(gammas) if options.baselines else [])]
    split = len(contestants)
    contestants += [(bundle, variant) for variant in main_variants]
    contestants = [(bundle, dataclasses.replace(variant, engine=options.engine)) for _, variant in contestants]
    if options.against is not None:
        contestants.append((Bundle.load(options.against), Variant(gamma=options.gamma, average=options.average)))
    clips = open_set(options.set, options.data_root, options.limit, options.seed)
    check_protocol(options.protocol, clips)
    evaluations = contend(
        contestants,
        clips,
        whole_clip=options.clip,
        threads=options.threads,
        progress=show_progress("evaluating") if processes.first else None,
        processes=processes,
        skip_damaged=True,
    )
    return EvaluationReport.of(
        [(bundle.manifest, evaluation) for (bundle, _), evaluation in zip(contestants, evaluations, strict=True)],
        baselines=split,
        variants=len(main_variants),
        by=options.by,
        protocol=options.protocol,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-eval", description="Accuracy of a bundle on a set of clips, as the device would decide them."
    )
    parser.add_argument(
        "--bundle", type=user_path, default=default_bundle_path(), help="default: the one in the package"
    )
    parser.add_argument("--against", type=user_path, metavar="BUNDLE", help="a second bundle, compared clip by clip")
    parser.add_argument("--set", help="a data set by name: `calibration list` shows them")
    parser.add_argument("--data-root", type=user_path, help="where downloaded data sets lie")
    parser.add_argument("--gamma", type=float, help="fix the gamma (default: the gate chooses)")
    parser.add_argument("--average", action="store_true", help="every expert answers, averaged (default: the gate's)")
    add_options(parser)
    parser.add_argument("--clip", action="store_true", help="one gamma for the whole clip (default: tick by tick)")
    parser.add_argument("--by", type=attributes, default=(), metavar="light,camera,actor", help="rows for each value")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), help="a table in the form of the ELLAR paper's")
    parser.add_argument("--baselines", action="store_true", help="also each fixed gamma, CLAHE, histogram equalisation")
    parser.add_argument("--limit", type=int, help="at most so many clips, spread over classes, cameras and lights")
    parser.add_argument("--seed", type=int, default=0, help="of the choice that --limit makes (default: 0)")
    parser.add_argument(
        "--engine",
        choices=NAMES,
        help=f"what runs the bundle's student.onnx (default: {NAMES[0]}); not that of --against",
    )
    parser.add_argument("--threads", type=int, default=1, help="of the engine (default: 1)")
    parser.add_argument(
        "--exchange", type=user_path, metavar="DIR", help="under torchrun: a folder that all machines see"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with every clip's probabilities")
    parser.add_argument(
        "--html", type=user_path, metavar="FILE", help="write a report with plots, complete in one file"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
