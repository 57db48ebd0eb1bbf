"""`make prose`: wraps the prose of README, CONTRIBUTING and docs/ at one width; tests/test_prose.py holds it.

Code, tables, headings, HTML and what is indented like code stay as they are. A list's item is a paragraph of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIDTH = 120  # of code, too (pyproject.toml)
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
ITEM = re.compile(r"(\s*)([-*] |\d+\. )")
WORD = re.compile(r"(?:`[^`]*`|[^\s`]|`(?![^`]*`))+")  # code between backticks is one word: a command stays whole


def wrapped(page: str) -> str:
    """The page with each paragraph's lines as full as they can be."""
    return "\n".join(line for block, is_prose in _blocks(page) for line in (_filled(block) if is_prose else block))


def _blocks(page: str) -> Iterator[tuple[list[str], bool]]:
    """The lines of paragraphs (True) and everything between them (False), in order."""
    paragraph: list[str] = []
    code = False
    for line in page.split("\n"):
        fence = line.lstrip().startswith("```")
        code ^= fence
        kept = fence or code or not line.strip() or line.startswith(("|", "#", "<", "!"))
        if paragraph and (kept or ITEM.match(line)):
            yield paragraph, True
            paragraph = []
        if kept or (not paragraph and line.startswith("    ")):
            yield [line], False
        else:
            paragraph.append(line)
    if paragraph:
        yield paragraph, True


def _filled(paragraph: list[str]) -> Iterator[str]:
    """The same words on as few lines; those after the first are indented as the paragraph's second one was."""
    item = ITEM.match(paragraph[0])
    line = item[0] if item else paragraph[0][: -len(paragraph[0].lstrip())]
    indent = re.match(r"\s*", paragraph[1])[0] if len(paragraph) > 1 else " " * len(line)  # type: ignore[index]
    words = WORD.findall(" ".join([paragraph[0][len(line) :].strip(), *map(str.strip, paragraph[1:])]))
    line += words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) <= WIDTH or ITEM.match(f"{word} "):  # a line must not begin like an item
            line += f" {word}"
        else:
            yield line
            line = indent + word
    yield line


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(wrapped(path.read_text()))
