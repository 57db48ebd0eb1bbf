"""`calibration`: lists the data sets that other commands take by name, checks and converts them, renders the demo."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from calibration.clip_sets.check import check
from calibration.clip_sets.roots import data_root
from calibration.deciding import command as deciding
from calibration.jobs.progress import show_progress
from calibration.measurement import camera as measure_camera
from calibration.measurement import clip_statistics, compare_inputs, key_frames
from calibration.sets import named_sets
from calibration.synthetic import demo
from calibration.synthetic.recordings import utd_mhad
from edge.command import run_command
from edge.errors import EXIT_FAILURE, EXIT_STOPPED, UsageError
from edge.paths import user_path
from edge.streams import called, holding_streams


@holding_streams("calibration")
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _parser().parse_args(argv)
    return run_command("calibration", lambda: _asked_for(arguments))


def _asked_for(arguments: argparse.Namespace) -> int:
    if hasattr(arguments, "run"):
        return int(arguments.run(arguments))
    if arguments.command == "list":
        _list()
    else:
        demo.write(arguments.out)
    return EXIT_STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(called("calibration"), description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the data sets, and what each needs")
    render = commands.add_parser("demo", help="render the demo clip and its true segments")
    render.add_argument("--out", metavar="MP4", type=user_path, required=True, help="the file; a .json goes beside it")
    measure_camera.add_parser(commands)
    clip_statistics.add_parser(commands)
    compare_inputs.add_parser(commands)
    key_frames.add_parser(commands)
    utd_mhad.add_parser(commands)
    deciding.add_parser(commands)
    examine = commands.add_parser("check", help="count a data set's clips and list everything that is wrong with it")
    examine.add_argument("name", help="ellar, ellar_val, arid, arid15, ug2, dark48, folder:DIR")
    examine.add_argument("--data-root", type=user_path, metavar="DIR", help="where downloaded data sets lie")
    examine.add_argument("--full", action="store_true", help="decode every frame (default: the first of every file)")
    examine.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="default: %(default)s")
    examine.set_defaults(run=_check)
    return parser


def _check(arguments: argparse.Namespace) -> int:
    if arguments.workers < 1:
        raise UsageError(f"--workers is {arguments.workers}; it must be 1 or more")
    root = data_root(arguments.data_root)
    report = check(arguments.name, root, arguments.workers, arguments.full, show_progress("looked at"))
    print(report)
    return EXIT_FAILURE if report.problems else EXIT_STOPPED


def _list() -> None:
    sets = named_sets()
    width = max(len(one.name) for one in sets)
    for one in sets:
        print(f"{one.name:{width}}  {one.needs}")


if __name__ == "__main__":
    sys.exit(main())
