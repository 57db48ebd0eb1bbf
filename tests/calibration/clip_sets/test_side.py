"""Camera, light, actor and location from tables and names of files; sets of one light."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.clip_sets.roots import data_root
from calibration.clip_sets.side import read_side
from calibration.sets import open_set
from edge.errors import ConfigError, DataError
from tests.calibration.trees import write_list, write_set, write_video

PATTERN = r"(?P<light>E?LL)_(?P<camera>[a-z0-9]+)_(?P<actor>p\d)"


def test_the_table_has_the_last_word_over_the_pattern(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(f"# as the recording script names them\n\n{PATTERN}\n")
    write_list(tmp_path / "t.csv", ["file,camera,location", "Sit/LL_brio_p1.avi,c920,roof", "Sit/x.avi,,"])
    side = read_side(tmp_path / "t.csv", tmp_path / "p.txt")
    assert side.of("Sit/LL_brio_p1.avi") == {"camera": "c920", "light": "LL", "actor": "p1", "location": "roof"}
    assert side.of("Sit/ELL_brio_p2.avi") == {"camera": "brio", "light": "ELL", "actor": "p2", "location": None}
    assert side.of("Sit/x.avi") == {"camera": None, "light": None, "actor": None, "location": None}


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<light>", "line 1: not a regular expression"),
        ("# one\n(?P<lux>.)", "line 2: expected groups .*camera, light, actor, location, found lux"),
        (".*", "found none"),
        ("a\nb", "expected one regular expression, found 2 lines"),
        ("# nothing", "found 0 lines"),
    ],
)
def test_a_bad_pattern_is_named_with_its_line(tmp_path: Path, pattern: str, message: str) -> None:
    (tmp_path / "p.txt").write_text(pattern)
    with pytest.raises(DataError, match=f"p.txt: .*{message}"):
        read_side(None, tmp_path / "p.txt")


def test_a_bad_table_is_named_with_its_line(tmp_path: Path) -> None:
    write_list(tmp_path / "t.csv", ["file,light", "a.avi,LL", "a.avi,ELL"])
    with pytest.raises(DataError, match=r"t.csv: line 3: a.avi again, see .*line 2"):
        read_side(tmp_path / "t.csv", tmp_path / "p.txt")
    write_list(tmp_path / "t.csv", ["clip,light"])
    with pytest.raises(DataError, match=r"t.csv: line 1: no column file"):
        read_side(tmp_path / "t.csv", tmp_path / "p.txt")


def test_ellar_has_sets_of_one_light_once_the_light_is_told(tmp_path: Path) -> None:
    folder = write_set(tmp_path, "ellar")
    with pytest.raises(DataError, match=r"light of 3 of 3 clips is not known.*ELLAR_clips.csv.*or ELLAR_pattern.txt"):
        open_set("ellar_ell_train", tmp_path)
    (folder / "ELLAR_pattern.txt").write_text(PATTERN)
    clips = open_set("ellar_ell_train", tmp_path)
    assert [(c.name, c.camera, c.actor) for c in clips.clips] == [("Walk/ELL_c920_p2_2.avi", "c920", "p2")]
    assert clips.labels == ("Sit", "Walk")  # as in every other set of ELLAR
    assert len(open_set("ellar_ll_train", tmp_path).clips) == 2
    with pytest.raises(DataError, match="none of 1 clips is LL"):
        open_set("ellar_ll_val", tmp_path)


def test_a_folder_takes_the_pattern_too(tmp_path: Path) -> None:
    write_video(tmp_path / "walk" / "ELL_brio_p3.avi")
    (tmp_path / "pattern.txt").write_text(PATTERN)
    (clip,) = open_set(f"folder:{tmp_path}").clips
    assert (clip.light, clip.camera, clip.actor, clip.location) == ("ELL", "brio", "p3", None)


def test_the_data_root_is_the_option_else_the_environment_else_the_file(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert data_root(None, environment) is None
    (tmp_path / "ellar-edge").mkdir()
    (tmp_path / "ellar-edge" / "data.yaml").write_text("data_root: /from/file\n")
    assert data_root(None, environment) == Path("/from/file")
    assert data_root(None, {**environment, "EDGE_DATA": "/from/environment"}) == Path("/from/environment")
    assert data_root(Path("/option"), {**environment, "EDGE_DATA": "/from/environment"}) == Path("/option")
    (tmp_path / "ellar-edge" / "data.yaml").write_text("root: /from/file\n")
    with pytest.raises(ConfigError, match=r"data.yaml: unknown key 'root'"):
        data_root(None, environment)


def test_sets_open_under_edge_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path, "arid")
    monkeypatch.setenv("EDGE_DATA", str(tmp_path))
    assert len(open_set("arid_split1_test").clips) == 1
