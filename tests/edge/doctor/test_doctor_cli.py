"""`edge-doctor` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.doctor.cli import areas, examine, line_of, main, summary_of
from edge.doctor.findings import Finding, error, ok, warning
from edge.errors import CameraError
from edge.run.config import Config

ROOT = Path(__file__).parents[3]


def doctor(*arguments: object) -> subprocess.CompletedProcess[str]:
    entry = "import sys; from edge.doctor.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", entry, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_json_is_a_list_of_findings(tiny_bundle: Path) -> None:
    done = doctor("--bundle", tiny_bundle, "--json")
    findings = [Finding(**entry) for entry in json.loads(done.stdout)]
    assert {"system", "engine", "model", "camera"} <= {finding.area for finding in findings}
    assert done.returncode == (1 if any(finding.level == "error" for finding in findings) else 0)
    assert all(finding.repair for finding in findings if finding.level != "ok")
    assert not [finding for finding in findings if finding.what == "examination"], done.stdout


def test_an_error_is_exit_code_1_and_the_rest_is_examined(tmp_path: Path) -> None:
    done = doctor("--bundle", tmp_path / "nothing")
    assert done.returncode == 1
    assert "error    model   bundle: " in done.stdout
    assert "camera  " in done.stdout
    assert "; errors: 1, " in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "code"), [(["--config", "/no/such/file"], 78), (["--camera", " "], 2)])
def test_a_wrong_configuration_is_its_own_exit_code(arguments: list[str], code: int) -> None:
    assert main(arguments) == code


def test_an_area_that_breaks_is_a_finding() -> None:
    def broken() -> Iterator[Finding]:
        yield ok("first", "thing", "fine")
        raise ZeroDivisionError("no such thing")

    def unreadable() -> Iterator[Finding]:
        raise CameraError("no camera here")

    findings = list(examine({"first": broken, "second": unreadable, "third": lambda: iter([ok("third", "x", "y")])}))
    assert [(finding.level, finding.area) for finding in findings] == [
        *(("ok", "first"), ("error", "first"), ("error", "second"), ("ok", "third")),
    ]
    assert findings[1].found == "ZeroDivisionError: no such thing"
    assert findings[2].found == "no camera here"


def test_lines_for_people() -> None:
    assert line_of(ok("board", "power", "fine")) == "ok       board   power: fine"
    lines = line_of(warning("board", "power", "weak", "buy another")).splitlines()
    assert lines == ["warning  board   power: weak", " " * 17 + "repair: buy another"]
    findings = [ok("a", "b", "c"), warning("a", "b", "c", "d"), error("a", "b", "c", "d")]
    assert summary_of(findings) == "3 findings; errors: 1, warnings: 1"


def test_the_board_is_the_one_that_was_named() -> None:
    first = next(iter(areas(Config(board="pi5"))["board"]()))
    assert "profile pi5." in first.found
