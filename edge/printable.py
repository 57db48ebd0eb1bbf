"""Text for terminals, journals and systemd: one line, and nothing in it that they would obey or turn around."""

from __future__ import annotations

import unicodedata

# Control characters, halves of a surrogate pair, separators of lines; and of the format characters, which turn or hide
# text, all but the two that join letters in some scripts.
REFUSED = ("Cc", "Cs", "Zl", "Zp", "Cf")
JOINERS = "\u200c\u200d"


def is_printable(text: str) -> bool:
    """Whether a text can stand in any line as it is."""
    return text.isprintable() or not any(map(_is_refused, text))


def one_line(text: str) -> str:
    """The text with a space for each run of line ends and tabs, and every other character it may not have escaped."""
    if text.isprintable():
        return text
    words = " ".join(text.replace("\t", "\n").split("\n")) if "\n" in text or "\t" in text else text
    return "".join(ascii(letter)[1:-1] if _is_refused(letter) else letter for letter in words)


def _is_refused(letter: str) -> bool:
    return letter not in JOINERS and unicodedata.category(letter) in REFUSED
