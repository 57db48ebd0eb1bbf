"""Text files that people wrote: UTF-8 with or without a byte order mark, or an error with file and line."""

from __future__ import annotations

import codecs
from pathlib import Path

from edge.paths import shown

# What editors and spreadsheets put before another encoding; the longer ones first, they begin like the shorter ones.
OTHERS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class NotUtf8Error(ValueError):
    """place: the file and its line. what: is wrong there."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what


def read_text(path: Path) -> str:
    """The whole file without its mark. Raises NotUtf8Error, OSError."""
    return decoded(path.read_bytes(), path)


def decoded(data: bytes, path: Path) -> str:
    """The bytes of a file that was read already. Raises NotUtf8Error."""
    name = shown(path)
    for mark, encoding in OTHERS:
        if data.startswith(mark):
            raise NotUtf8Error(f"{name}: line 1", _expected(encoding, encoding))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"{name}: line {data.count(10, 0, error.start) + 1}"
        raise NotUtf8Error(place, _expected(f"byte 0x{data[error.start]:02x}", "ISO-8859-1")) from error
    if (at := text.find("\0")) >= 0:  # a mark is not a must
        raise NotUtf8Error(f"{name}: line {text.count(chr(10), 0, at) + 1}", _expected("a zero byte", "UTF-16"))
    return text


def _expected(found: str, likely: str) -> str:
    return f"expected UTF-8, found {found}; save it as UTF-8, or: iconv -f {likely} -t UTF-8 IN > OUT"
