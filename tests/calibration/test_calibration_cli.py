"""`calibration list` and `calibration demo`, as a user calls them."""

from pathlib import Path

import pytest

from calibration.cli import main
from calibration.sets import named_sets


def test_list_names_every_set_and_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [one.name for one in named_sets()]
    assert all(one.needs in line for one, line in zip(named_sets(), lines, strict=True))


def test_demo_refuses_what_is_not_an_mp4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "demo.txt")]) == 2
    assert "expected the name of an .mp4 file" in capsys.readouterr().err
    assert not (tmp_path / "demo.txt").exists()
