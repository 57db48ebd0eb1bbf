"""`calibration`: lists the data sets that other commands take by name, and renders the demo clip."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from calibration import demo
from calibration.sets import named_sets
from edge.errors import EXIT_STOPPED, EdgeError


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "list":
            _list()
        else:
            demo.write(arguments.out)
    except EdgeError as error:
        print(f"calibration: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("calibration", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the data sets, and what each needs")
    render = commands.add_parser("demo", help="render the demo clip and its true segments")
    render.add_argument("--out", metavar="MP4", type=Path, required=True, help="the file; a .json goes beside it")
    return parser


def _list() -> None:
    sets = named_sets()
    width = max(len(one.name) for one in sets)
    for one in sets:
        print(f"{one.name:{width}}  {one.needs}")


if __name__ == "__main__":
    sys.exit(main())
