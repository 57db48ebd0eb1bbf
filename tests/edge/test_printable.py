"""What reaches a terminal, systemd or the journal is one printable line, and scripts of the world stay as they are."""

from __future__ import annotations

import pytest

from edge.printable import is_printable, one_line


@pytest.mark.parametrize("text", ["walk", "çömel", "しゃがむ", "चल\u200dना", "a\u00a0b", "🏃", ""])
def test_words_stay_as_they_are(text: str) -> None:
    assert is_printable(text) and one_line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("walk\nWATCHDOG=trigger", "walk WATCHDOG=trigger"),
        ("a\tb\r\nc", "a b\\r c"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("half \ud800", "half \\ud800"),
        ("right\u202eleft", "right\\u202eleft"),
        ("next\u2028line\x85", "next\\u2028line\\x85"),
        ("nul\0", "nul\\x00"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert not is_printable(text)
    assert one_line(text) == shown and is_printable(shown)
