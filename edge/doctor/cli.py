"""`edge-doctor`: says what is wrong with this machine, its camera and its model, and the command that repairs it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from edge import __version__
from edge.board.profile import board_profile
from edge.command import run_command
from edge.doctor.findings import Finding, error
from edge.errors import EXIT_FAILURE, EXIT_STOPPED, EdgeError
from edge.paths import user_path
from edge.printable import one_line
from edge.run.config import Config, load_settings
from edge.streams import holding_streams

EPILOG = (
    "exit codes: 0 nothing that keeps edge-run from working (there may be warnings), 1 an error was found, 2 usage."
)
ROOT = Path("/")


@holding_streams("edge-doctor")
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = vars(_parser().parse_args(argv))
    return run_command("edge-doctor", lambda: _examined(arguments))


def _examined(arguments: dict[str, Any]) -> int:
    """Every finding, told as it is found or as one JSON array at the end; the exit code."""
    as_json, path = arguments.pop("json"), arguments.pop("config")
    config = load_settings(path, arguments).config
    findings: list[Finding] = []
    for finding in examine(areas(config)):
        findings.append(finding)
        if not as_json:
            print(line_of(finding), flush=True)
    print(json.dumps([asdict(finding) for finding in findings], indent=1) if as_json else summary_of(findings))
    return EXIT_FAILURE if any(finding.level == "error" for finding in findings) else EXIT_STOPPED


def areas(config: Config) -> Mapping[str, Callable[[], Iterator[Finding]]]:
    """What is examined, in this order. Modules are imported when their turn comes: one that fails is a finding."""

    def threads() -> int:
        return config.threads or board_profile(config.board).threads

    def check(module: str, *arguments: object) -> Iterator[Finding]:
        found: Iterator[Finding] = import_module(f"edge.doctor.{module}").check(*arguments)
        return found

    def bundle() -> Path:
        return import_module("edge.run.renewal").bundle_path(config.bundle, config.store)  # type: ignore[no-any-return]

    return {
        "system": lambda: check("system", ROOT),
        "board": lambda: check("board", ROOT, config.board),
        "engine": lambda: check("engine"),
        "model": lambda: check("model", bundle(), threads(), config.engine),
        "camera": lambda: check("cameras", config.camera, ROOT, _interval_ms(bundle())),
    }


def examine(areas: Mapping[str, Callable[[], Iterator[Finding]]]) -> Iterator[Finding]:
    """Every finding of every area; an area that breaks is a finding, too, and the others are still examined."""
    for area, check in areas.items():
        try:
            yield from check()
        except Exception as problem:  # the doctor is asked because something is broken, and must not break with it
            what = str(problem) if isinstance(problem, EdgeError) else f"{type(problem).__name__}: {problem}"
            yield error(area, "examination", what, "repair what this message names, then run edge-doctor again")


def _interval_ms(bundle: Path) -> float | None:
    """Between ticks of the model; None where the bundle is broken, which is another area's finding."""
    from edge.bundles.bundle import Bundle

    try:
        return Bundle.load(bundle).manifest.cadence.interval_ms
    except EdgeError:
        return None


def line_of(finding: Finding) -> str:
    """A finding for people, its repair on a line of its own."""
    line = one_line(f"{finding.level:<8} {finding.area:<7} {finding.what}: {finding.found}")
    return f"{line}\n{'':16} repair: {one_line(finding.repair)}" if finding.repair else line


def summary_of(findings: Sequence[Finding]) -> str:
    """The last line."""
    counts = Counter(finding.level for finding in findings)
    return f"{len(findings)} findings; errors: {counts['error']}, warnings: {counts['warning']}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "edge-doctor", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--camera", metavar="C", help="as for edge-run (default: every camera that is plugged in)")
    add("--bundle", metavar="B", help="the model: a directory or .tar (default: the one in the package)")
    add("--config", metavar="YAML", type=user_path, help="the service's file; the command line wins over it")
    add("--board", metavar="NAME", help="a board profile (default: auto, detected)")
    add("--json", action="store_true", help="the findings as a JSON list")
    add("--version", action="version", version=f"edge-doctor {__version__}")
    return parser
