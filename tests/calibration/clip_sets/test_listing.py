"""Lines of lists: whatever stands in them is an entry or a problem with its place, never a crash."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibration.clip_sets.listing import Entry, ListReader, columns, numbered, pairs, pairs_or_counted

FIELDS = st.sampled_from(
    ["Walk/a.avi", "Walk/a b.avi", "../x", "/x", "3", "-1", "٣", "²", "7" * 5000, "VideoID,Video,ClassID", ""]
)
TEXT = st.one_of(
    st.lists(st.lists(FIELDS, max_size=4).map("\t".join), max_size=6).map("\n".join),
    st.lists(FIELDS, max_size=5).map(lambda cells: "VideoID,Video,ClassID\n" + ",".join(cells)),
    st.text(),
)


@pytest.mark.parametrize("read_list", [pairs, numbered, pairs_or_counted, columns])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=TEXT)
def test_any_text_is_entries_and_problems(tmp_path: Path, read_list: ListReader, text: str) -> None:
    listing = tmp_path / "list.txt"
    listing.write_bytes(text.encode("utf-8", "surrogatepass"))
    for found in read_list(listing):
        assert found.place.startswith(f"{listing}: line ")
        if isinstance(found, Entry):
            assert found.label >= 0 and not PurePosixPath(found.file).is_absolute() and len(found.file.split()) == 1
            assert ".." not in PurePosixPath(found.file).parts


def test_a_mark_at_the_beginning_and_windows_line_ends_are_no_part_of_a_clip(tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_bytes("Walk/a.avi 1\r\nSit/b.avi 0\r\n".encode("utf-8-sig"))
    assert [(e.file, e.label) for e in pairs(listing) if isinstance(e, Entry)] == [("Walk/a.avi", 1), ("Sit/b.avi", 0)]
