"""The pages that people read: their commands, links, headings, paragraphs and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.programs import PROGRAMS, program_of
from tests.prose import PAGES, ROOT

CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMENT = re.compile(r"\s+#( .*)?$")


@dataclass(frozen=True)
class Command:
    """A command as its page has it, in one line and without comment. page: relative to the repository."""

    page: str
    line: int
    text: str


def commands() -> list[Command]:
    """Of every page, in order: the lines of blocks without a language, and code in prose that has an argument."""
    return [command for page in PAGES for command in commands_of(page)]


def commands_of(page: Path) -> Iterator[Command]:
    """The commands of one page."""
    name, begun = str(page.relative_to(ROOT)), ""
    for number, (text, language) in enumerate(_lines(page), 1):
        if language is None:
            for code in CODE.findall(text):
                if len(code.split()) > 1 and program_of(code) in PROGRAMS:
                    yield Command(name, number, " ".join(code.split()))
        elif language == "":
            text = " ".join([*begun.split(), *COMMENT.sub("", text).split()])
            begun = text.removesuffix("\\") if text.endswith("\\") else ""
            if text and not begun:
                yield Command(name, number, text)


def links(page: Path) -> list[str]:
    """Targets of the page's links and pictures."""
    prose = (CODE.sub("", text) for text, language in _lines(page) if language is None)
    return [target for text in prose for target in LINK.findall(text)]


def anchors(page: Path) -> set[str]:
    """What `page#...` may name, as GitHub makes it of the headings."""
    headings = [text.lstrip("#").strip() for text, language in _lines(page) if language is None and text[:1] == "#"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sections(page: Path) -> list[tuple[str, range]]:
    """Headings below the title, and the numbers of the lines of each; before the first, the title's."""
    lines = list(_lines(page))
    at = [number for number, (text, language) in enumerate(lines, 1) if language is None and text.startswith("#")]
    ends = [*at[1:], len(lines) + 1]
    return [(lines[start - 1][0].lstrip("# "), range(start + 1, end)) for start, end in zip(at, ends, strict=True)]


def prose(page: Path, numbers: range) -> list[str]:
    """The lines with these numbers that are no code."""
    return [text for number, (text, language) in enumerate(_lines(page), 1) if number in numbers and language is None]


def paragraphs(page: Path) -> list[str]:
    """Prose between empty lines, headings, tables and code."""
    found = [""]
    for text, language in _lines(page):
        if language is None and text.strip() and not text.startswith(("|", "#")):
            found[-1] += " " + text.strip()
        elif found[-1]:
            found.append("")
    return [text.strip() for text in found if text]


def tables(page: Path) -> list[list[list[str]]]:
    """Tables as rows of cells, heads first and without the line below them."""
    found: list[list[list[str]]] = [[]]
    for text, language in _lines(page):
        if language is None and text.startswith("|"):
            cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
            if set("".join(cells)) - set("-: "):
                found[-1].append(cells)
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def _lines(page: Path) -> Iterator[tuple[str, str | None]]:
    """Each line, and of a block of code its language ("" has none); the fences themselves are empty lines of prose."""
    language: str | None = None
    for line in page.read_text(encoding="utf-8").split("\n"):
        if line.lstrip().startswith("```"):
            language = line.strip().strip("`") if language is None else None
            yield "", None
        else:
            yield line, language
