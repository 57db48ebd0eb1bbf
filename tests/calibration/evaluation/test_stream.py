"""Streams: what is counted, by hand; and the whole pipeline over clips end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibration.evaluation.cli import main
from calibration.evaluation.stream import EMPTY, NOISE, Said, StreamScore, Stretch, score_streams
from edge.bundles.bundle import write_bundle
from edge.errors import DataError
from tests.calibration.evaluation.test_evaluate import tiny_bundle
from tests.clips import square_set, write_square_folder


def said(labels: str, gammas: str = "", start_s: float = 0.0) -> list[Said]:
    """One answer every tenth of a second: `-` is silence, any other letter a label; gammas likewise."""
    gammas = gammas or "1" * len(labels)
    return [
        Said(round(start_s + i / 10, 3), None if label == "-" else label, float(gamma))
        for i, (label, gamma) in enumerate(zip(labels, gammas, strict=True))
    ]


def test_latency_runs_from_the_start_of_the_action() -> None:
    score = StreamScore()
    score.add([Stretch(0.0, 1.0, "a", "action"), Stretch(1.0, 2.0, "b", "action")], said("--aaaaaaaa" + "aaaabbbbbb"))
    assert score.latencies_s == pytest.approx([0.2, 0.4])
    assert (score.right, score.wrong, score.silent) == (14, 4, 2)
    assert (score.actions, score.missed, score.flickers) == (2, 0, 0)


def test_an_action_that_never_gets_its_label_is_missed() -> None:
    score = StreamScore()
    score.add([Stretch(0.0, 1.0, "a", "action")], said("--bbbbbbbb"))
    assert (score.missed, score.latencies_s, score.wrong) == (1, [], 8)


def test_flicker_is_what_changes_beyond_the_action_s_own_change() -> None:
    score = StreamScore()
    score.add([Stretch(0.0, 1.0, "a", "action")], said("bbaabbaaaa"))
    assert score.flickers == 2
    assert score.as_dict()["flickers_per_minute"] == 120


def test_false_labels_are_counted_where_they_begin_and_not_while_the_past_is_in_the_mean() -> None:
    score = StreamScore()
    score.add([Stretch(0.0, 3.0, None, EMPTY)], said("aaaaaaaaaa" + "--bb--bbcc" + "-" * 10))
    assert dict(score.onsets) == {EMPTY: 3}
    assert score.as_dict()["false_labels_per_minute"] == {EMPTY: 90}


def test_a_label_that_dies_away_slowly_is_no_false_label() -> None:
    stretches = [Stretch(0.0, 1.0, "a", "action"), Stretch(1.0, 4.0, None, EMPTY)]
    dying, new = StreamScore(), StreamScore()
    dying.add(stretches, said("-----aaaaa" + "a" * 14 + "-" * 16))
    new.add(stretches, said("-----aaaaa" + "b" * 14 + "-" * 16))
    assert (dying.onsets[EMPTY], new.onsets[EMPTY]) == (0, 1)


def test_a_label_that_changes_with_the_gate_is_told() -> None:
    score = StreamScore()
    score.add([Stretch(0.0, 2.0, "a", "action")], said("a" * 10 + "aab" + "b" * 7, "1" * 10 + "2" * 10))
    score.add([Stretch(0.0, 2.0, "a", "action")], said("a" * 20, "1" * 10 + "2" * 10))
    assert (score.switches, score.unsettled) == (2, 1)


def test_the_pipeline_runs_over_clips_rooms_and_noise() -> None:
    score = score_streams(tiny_bundle(), square_set(10))
    assert score.actions == 10
    assert set(score.nobody_s) == {EMPTY, NOISE}
    seconds = sum(len(list(clip.frames())) for clip in square_set(10).clips) / 15
    assert score.action_s == pytest.approx(seconds, abs=0.01)
    ticks = score.right + score.wrong + score.silent
    assert 0.95 * 15 * seconds < ticks <= 15 * seconds
    assert score.text() == score_streams(tiny_bundle(), square_set(10)).text()


def test_a_set_of_other_labels_is_refused() -> None:
    with pytest.raises(DataError, match="none of its 4 clips"):
        score_streams(tiny_bundle(), square_set(4, labels=("hop", "skip")))


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny_bundle()
    write_bundle(tmp_path / "bundle", bundle.manifest, bundle.files)
    arguments = ["--bundle", str(tmp_path / "bundle"), "--set", "synthetic_val", "--limit", "2", "--stream", "--json"]
    assert main(arguments) != 0  # the tiny bundle knows none of these actions
    assert "has a label that the bundle knows" in capsys.readouterr().err
    folder = write_square_folder(tmp_path / "squares", 4)
    arguments[3:6] = [f"folder:{folder}"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["actions"] == 4
