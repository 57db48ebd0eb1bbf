"""Prose for people wraps at one width."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.prose import PAGES, ROOT, WIDTH, wrapped

FOLDERS = ("edge", "tests", "benchmarks", "firmware_configs", "distill", "make", ".ci")
SUFFIXES = (".c", ".h", ".yaml", ".mk", ".service", ".rules", ".slice", ".txt")
COMMENTED = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_is_wrapped(page: Path) -> None:
    text = page.read_text()
    assert text == wrapped(text), "wrap it: make prose"


def test_wrapping_fills_lines_and_keeps_words_lists_tables_and_code() -> None:
    words = "word " * 40
    page = (
        f"# A title that is long {words}\n{words}\n\n- {words}\n  and\n- b\n\n| {words} |\n```\n{words}\nx\n```\na\nb\n"
    )
    found = wrapped(page)
    assert found.split() == page.split() and wrapped(found) == found
    assert f"| {words} |\n```\n{words}\nx\n```\na b\n" in found and found.startswith(
        f"# A title that is long {words}\n"
    )
    assert "\n  word" in found and "\n- b\n" in found
    assert max(len(line) for line in found.partition("|")[0].splitlines()[1:]) <= WIDTH


@pytest.mark.parametrize("path", COMMENTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_comments_outside_python_wrap(path: Path) -> None:
    """Of Python, the linter sees to it."""
    long = [
        line for line in path.read_text().splitlines() if len(line) > WIDTH and re.match(r"\s*(# |/\*|\* |//)", line)
    ]
    assert not long
