"""Pooled folds: every fold's bundle answers for its own clips only, and the manifest keeps what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.evaluation.evaluate import evaluate
from calibration.evaluation.folds import evaluate_folds, record
from calibration.evaluation.folds_cli import main
from edge.bundles.bundle import Bundle, write_bundle
from edge.errors import DataError
from tests.clips import LABELS, square_set, write_square_folder
from tests.students import tiny_files, tiny_manifest, tiny_student


def write_bundle_of(seed: int, target: Path) -> None:
    student = tiny_student(seed)
    write_bundle(target, tiny_manifest(student), tiny_files(student))


def write_folds(folder: Path, names: list[list[str]]) -> Path:
    for number, left_out in enumerate(names):
        write_bundle_of(number, folder / str(number) / "bundle")
        (folder / str(number) / "clips.txt").write_text("".join(f"{name}\n" for name in left_out))
    return folder


def test_each_fold_answers_for_its_clips(tmp_path: Path) -> None:
    clips = square_set(6)
    names = [clip.name for clip in clips.clips]
    folds = write_folds(tmp_path / "folds", [names[:2], names[2:]])
    (pooled,) = evaluate_folds(folds, ["bundle"], clips)
    assert [result.clip.name for result in pooled.results] == names
    alone = [evaluate([Bundle.load(folds / str(k) / "bundle")], clips)[0].results for k in range(2)]
    for i, result in enumerate(pooled.results):
        assert result.probabilities.tolist() == alone[int(i >= 2)][i].probabilities.tolist()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([["nobody_1"]], "nobody_1 is not in squares"),
        ([["left_0"], ["left_0"]], "or in two folds"),
        ([], "distill folds"),
    ],
)
def test_folds_that_do_not_fit_are_refused(tmp_path: Path, names: list[list[str]], message: str) -> None:
    folder = tmp_path / "folds"
    folder.mkdir()
    with pytest.raises(DataError, match=message):
        evaluate_folds(write_folds(folder, names), ["bundle"], square_set(3))


def test_a_recorded_accuracy_is_replaced_not_repeated(tmp_path: Path) -> None:
    write_bundle_of(0, tmp_path / "b")
    bundle = Bundle.load(tmp_path / "b")
    (evaluation,) = evaluate([bundle], square_set(3))
    for _ in range(2):
        record(tmp_path / "b", evaluation, "folds", "edge-folds")
    entries = [entry for entry in Bundle.load(tmp_path / "b").manifest.accuracy if entry.what == "float32, folds"]
    assert [(entry.clips, entry.top1) for entry in entries] == [(3, round(evaluation.top1, 4))]


def test_the_command_prints_and_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_square_folder(tmp_path / "clips", 3)
    clips = [f"{label}/{path.name}" for label in LABELS for path in sorted((folder / label).iterdir())]
    folds = write_folds(tmp_path / "folds", [clips])
    write_bundle_of(5, tmp_path / "shipped")
    arguments = ["--folds", str(folds), "--set", f"folder:{folder}", "--record", str(tmp_path / "shipped")]
    assert main(arguments) == 0
    assert "top-1" in capsys.readouterr().out
    entry = Bundle.load(tmp_path / "shipped").manifest.accuracy[0]
    assert (entry.data, entry.clips) == ("folder:clips", len(clips))
    assert str(tmp_path) not in entry.command
