"""The three roles of docs/roles.md, each walked by its page alone: its commands follow one another in one folder."""

from __future__ import annotations

import pytest

from tests.docs.pages import commands_of, sections
from tests.docs.table import RUN
from tests.docs.test_commands import ROLES, run_documented
from tests.docs.workplace import Workplace
from tests.prose import ROOT

SECTIONS = sections(ROLES)[1:]
ROLE_NAMES = ("robot engineer", "ML engineer", "researcher")


def test_there_are_three_roles_and_the_readme_leads_to_them() -> None:
    heads = [head for head, _ in SECTIONS]
    assert len(heads) == 3 and all(name in head for name, head in zip(ROLE_NAMES, heads, strict=True))
    assert "(docs/roles.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_a_role_is_walked_by_its_page_alone(workplace: Workplace, role: str) -> None:
    (lines,) = [lines for head, lines in SECTIONS if role in head]
    walk = [command.text for command in commands_of(ROLES) if command.line in lines]
    assert len(walk) >= 4
    for text in walk:
        run_documented(workplace, text, RUN[text])
