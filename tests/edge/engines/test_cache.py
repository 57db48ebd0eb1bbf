"""What is kept on a board: found again under the same key only, whole or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edge.engines.cache import Cache, Key, default_cache

KEY = Key("engine", "bundle digest", "tensorrt 10.3.0", "Orin sm_87")


def test_what_was_put_is_found_under_its_key_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "not" / "there" / "yet")
    assert cache.get(KEY) is None
    assert cache.put(KEY, b"\nan engine\n") is None
    assert cache.get(KEY) == b"\nan engine\n"
    for field in dataclasses.fields(Key):
        other = dataclasses.replace(KEY, **{field.name: "another"})
        assert cache.get(other) is None
    assert cache.folder is not None
    assert [path.name for path in cache.folder.iterdir()] == [KEY.file_name]


@pytest.mark.parametrize("damage", ["cut", "flipped", "of another key", "empty"])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, b"an engine")
    path = cache.path(KEY)
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-1],
            "flipped": whole[:-1] + bytes([whole[-1] ^ 1]),
            "of another key": whole.replace(b"10.3.0", b"10.4.0"),
            "empty": b"",
        }[damage]
    )
    assert cache.get(KEY) is None
    made: list[int] = []
    assert cache.fetch(KEY, lambda: made.append(1) or b"anew", print) == b"anew" and made == [1]
    assert cache.get(KEY) == b"anew"


def test_fetch_makes_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made: list[int] = []
    said: list[str] = []
    for _ in range(3):
        assert cache.fetch(KEY, lambda: made.append(1) or b"an engine", said.append) == b"an engine"
    assert made == [1] and said == []


def test_where_nothing_can_be_kept_it_is_said_and_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file")
    said: list[str] = []
    assert cache.fetch(KEY, lambda: b"an engine", said.append) == b"an engine"
    assert len(said) == 1 and "not kept for the next start" in said[0] and str(tmp_path / "file") in said[0]


def test_the_services_folder_wins_over_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CACHE_DIRECTORY", "STATE_DIRECTORY", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache().folder == tmp_path / ".cache" / "ellar-edge" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache().folder == tmp_path / "xdg" / "ellar-edge" / "engines"
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/ellar-edge:/var/cache/other")
    assert default_cache().folder == Path("/var/cache/ellar-edge/engines")
