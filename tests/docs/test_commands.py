"""Every command in a page is one that its program takes, and is run, or says why not."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.docs.pages import Command, commands, commands_of
from tests.docs.programs import OURS, PROGRAMS, check, program_of
from tests.docs.table import PARTS, RUN, WHY_NOT, Run
from tests.docs.workplace import Workplace
from tests.prose import ROOT

ROLES = ROOT / "docs" / "roles.md"
WRITTEN = commands()
WALKED = {command.text for command in commands_of(ROLES)}
ALONE = {text: run for text, run in RUN.items() if text not in WALKED}


def test_every_command_has_its_place_in_the_table() -> None:
    known = Counter([*RUN, *PARTS, *(text for texts in WHY_NOT.values() for text in texts)])
    unknown = [f"{c.page}:{c.line}: {c.text}" for c in WRITTEN if c.text not in known]
    assert not unknown, "tests/docs/table.py says how a command is checked; it has no line for\n" + "\n".join(unknown)
    assert [text for text, count in known.items() if count > 1] == []
    assert sorted(set(known) - {c.text for c in WRITTEN}) == [], "no page has them any more"


def test_a_block_without_a_language_has_commands_only() -> None:
    """So that no command hides in it: what a program prints is ```text."""
    wrong = [f"{c.page}:{c.line}: {c.text}" for c in WRITTEN if program_of(c.text) not in PROGRAMS]
    assert not wrong, "no program that tests/docs/programs.py knows; output is ```text\n" + "\n".join(wrong)


def test_reasons_name_tests_that_exist() -> None:
    named = [name for reason in WHY_NOT for name in re.findall(r"(?:tests|docs)/[\w/.]*\w", reason)]
    assert named and [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("command", WRITTEN, ids=lambda command: f"{command.page}:{command.line}")
def test_its_program_takes_it(command: Command) -> None:
    assert check(command.text + PARTS.get(command.text, "")) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("edge-run --no-such-option", "its parser ends with 2"),
        ("quantize --calib SET --model FLOAT --out INT8 --target pi", "its parser ends with 2"),
        ("make bundel", "make bundel: no such target"),
        ("pip install '.[quantise]'", "quantise: no such extra"),
        ("python -m benchmarks.nothing", "no such program"),
        ("python -m benchmarks.native --fast", "takes no arguments"),
        ("edge-eval --set synthetic_test && edge-eval --bundle bundles/old --set SET", "bundles/old: no such file"),
        ("torchrun --nproc-per-node 2 -m distill.cli trian RECIPE", "its parser ends with 2"),
    ],
)
def test_a_command_that_went_stale_is_found(line: str, fault: str) -> None:
    (found,) = check(line)
    assert fault in found


@pytest.mark.parametrize("text", ALONE, ids=str)
def test_it_runs(workplace: Workplace, text: str) -> None:
    run_documented(workplace, text, ALONE[text])


def run_documented(workplace: Workplace, text: str, run: Run) -> None:
    """As it is written, but for what makes it quick."""
    line, redirection, file = text.partition(" > ")
    done = workplace.run(f"{line} {run.more}".strip() + redirection + file)
    assert done.returncode in run.codes, done.stderr[-2000:]
    assert run.says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for name in run.makes:
        assert (workplace.folder / name).stat().st_size > 0


def test_every_program_is_in_a_page() -> None:
    """A program that no page calls would be found by nobody."""
    assert set(OURS) - {program_of(c.text) for c in WRITTEN} == set()
