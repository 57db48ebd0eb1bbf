"""What pages say besides commands: links lead somewhere, figures have their command, pictures show the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.bundles.bundle import Bundle, default_bundle_path
from tests.docs.pages import CODE, anchors, commands_of, links, paragraphs, prose, sections, tables
from tests.docs.programs import PROGRAMS, ROOMS, program_of
from tests.docs.workplace import Workplace
from tests.prose import PAGES, ROOT

README = ROOT / "README.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
FIGURE = re.compile(r"\d ?(%|ms\b|s\b|MB\b|MiB\b|minutes?\b|hours?\b|times\b|x as fast)")
FILE = re.compile(rf"(?:{'|'.join(ROOMS)}|tests/|docs/|make/)[\w./-]*\.\w+")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in links(page):
        if re.match(r"https?://|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file) if file else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_it_names_are_there(page: Path) -> None:
    named = [code for code in CODE.findall(page.read_text(encoding="utf-8")) if FILE.fullmatch(code)]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_figure_in_the_readmes_tables_has_its_command_beside_it() -> None:
    found = 0
    for head, *rows in tables(README):
        for row in rows:
            if any(FIGURE.search(cell) for cell in row):
                found += 1
                assert has_command(" ".join([*head, *row])), row
    assert found >= 6


def test_every_figure_in_the_readmes_prose_has_its_command_in_the_paragraph() -> None:
    bare = [text for text in paragraphs(README) if FIGURE.search(CODE.sub("", text)) and not has_command(text)]
    assert bare == []


# Sections whose figures are settings or rules, and measured by nobody.
SETTINGS = {
    ("engines.md", "`auto`, and bundles with several builds"),
    ("service.md", "The unit"),
    ("service.md", "When the board is too hot or its supply too weak"),
}


def test_every_figure_in_a_page_has_a_command_in_its_section() -> None:
    bare = {
        (page.name, head)
        for page in PAGES
        for head, numbers in sections(page)
        if any(FIGURE.search(CODE.sub("", line)) for line in prose(page, numbers))
        and not has_command(" ".join(prose(page, numbers)))
        and not any(command.line in numbers for command in commands_of(page))
    }
    assert bare == SETTINGS


def has_command(text: str) -> bool:
    return any(program_of(code) in PROGRAMS for code in CODE.findall(text))


def test_a_figure_alone_would_be_found() -> None:
    assert (
        FIGURE.search("stopped within 0.4 s") and FIGURE.search("88.8 % top-1") and not FIGURE.search("three experts")
    )
    assert not has_command("0.4 s, as `printed` by somebody") and has_command("0.4 s (`make bench`)")


def test_the_hours_of_the_default_bundle_are_the_same_everywhere() -> None:
    files = [*PAGES, *(ROOT / "make").glob("*.mk")]
    told = re.compile(r"\b(an|one|two|three|four|five|six|\d+) hours?\b")
    near = re.compile(r"[^.|]*\btwo cores\b[^.|]*")
    hours = {
        (file.name, hour)
        for file in files
        for sentence in near.findall(" ".join(file.read_text(encoding="utf-8").split()))
        for hour in told.findall(sentence)
    }
    assert {name for name, _ in hours} >= {"README.md", "training.md", "training.mk"}
    assert len({hour for _, hour in hours}) == 1, hours


# A title of the picture, and what names the same step in docs/architecture.md.
WAY = {
    "camera": "`cameras`:",
    "cadence": "`cadence`:",
    "measure": "`recognition/inputs`, `take`:",
    "health": "`health`:",
    "gate": "`gate`:",
    "input": "`recognition/inputs`, `see`:",
    "student": "`engines`:",
    "smoothing": "`smoothing`:",
    "output": "`outputs`:",
}


def test_the_picture_of_the_way_shows_the_stages_that_a_run_times(workplace: Workplace) -> None:
    text = (ROOT / "docs" / "pipeline.svg").read_text(encoding="utf-8")
    titles = re.findall(r'<text class="t"[^>]*>([^<]+)</text>', text)
    assert titles == list(WAY)
    done = workplace.run("edge-run --camera demo --max-frames 20 --quiet | tail -1")
    timed = re.findall(r'"(\w+)": \{"count"', done.stdout)
    assert [stage for stage in timed if stage not in ("total", "age")] == titles[2:]


def test_the_architecture_tells_the_same_way_in_the_same_order() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    way = " ".join(text.partition("## The way of a frame")[2].partition("\n## ")[0].split())
    places = [way.find(step) for step in WAY.values()]
    assert -1 not in places and places == sorted(places)


def test_the_glossary_has_a_line_for_every_word_in_order() -> None:
    ((_, *rows),) = tables(GLOSSARY)
    words = [row[0] for row in rows]
    assert words == sorted(words, key=str.lower) and len(set(words)) == len(words)
    assert all(len(row) == 2 and row[1] for row in rows)
    for word in (
        *("abstention", "acceptance", "build", "bundle", "cadence", "calibration", "clip", "expert", "frame", "gamma"),
        *("gate", "head", "logits", "scale", "stream gap", "tick", "zero point"),
    ):
        assert word in words
    assert "(docs/glossary.md)" in README.read_text(encoding="utf-8")


def test_the_names_of_the_default_bundles_experts_are_explained() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    assert all(name in text for name in Bundle.load(default_bundle_path()).manifest.gate.expert_names)


def test_the_readme_says_in_its_first_screen_what_it_is_not_for() -> None:
    first = " ".join(README.read_text(encoding="utf-8").split("\n")[:40])
    for words in (
        "never who does it",
        "not a safety function",
        "one label for the whole picture",
        "showcase",
        "python -m benchmarks.demo",
    ):
        assert words in first
