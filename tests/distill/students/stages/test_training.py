"""Every recipe in the package, made tiny: its loss falls, it goes on bit for bit after a kill, it is evaluated."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import distill.training.loop
from calibration.sets import open_set
from distill.cli import main
from distill.training.job import read_document
from distill.training.metrics import read
from edge.bundles.bundle import Bundle
from tests.clips import LABELS, write_square_folder

ROOT = Path(__file__).parents[4]
RECIPES = {path.stem: path for path in (ROOT / "distill" / "recipes").glob("*/*.yaml")}
TINY_SWIN = "{embed: 8, depths: [1, 1], heads: [1, 2], drop_path: 0.1, window: [2, 2, 2]}"
TINY_TRUNK = "depths: [1, 1, 1, 1], width: 8, heads: 2, longest: 4"
SMALL_CLIPS = (
    "clip.frames=4",
    "clip.stride=4",
    "clip.size=32",
    "clip.shorter=36",
    "clip.flip=0",
    "clip.least_area=0.9",
)
FEW_VIEWS = ("protocol={clips: 2, crops: 2, draws: 2}",)
TEACHERS = {
    "video_swin_b": (f"options={{dropout: 0.1, backbone: {TINY_SWIN}}}", "stages.0.rate=0.01"),
    "dgam_swin_b": (f"options={{frames: 4, dropout: 0.1, backbone: {TINY_SWIN}}}", "stages.0.rate=0.01"),
    "dgam_swin_t": (f"options={{frames: 4, dropout: 0.1, backbone: {TINY_SWIN}, heads: shared}}", "stages.0.rate=0.01"),
    "actlumos_pretraining": (f"options={{projection: 8, {TINY_TRUNK}}}",),
    "actlumos_teacher": (f"options={{projection: 8, scales: [3.0], {TINY_TRUNK}}}", "stages.0.rate=0.001"),
    "actlumos_student": (f"options={{{TINY_TRUNK}}}", "stages.0.rate=0.001"),
    "rbert": (f"options={{{TINY_TRUNK}}}", "clip.frames=8", "stages.0.rate=0.01"),
}
STUDENT = (
    f"labels=[{', '.join(LABELS)}]",
    "reversed={left: right, right: left}",
    "student={stages: [[8, 8], [16, 16]], embedding: 16, history: 4}",
    "gate={steps: 4, batch: 8}",
    "folds={source: 0, actors: []}",
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with six clips of squares, as the name of a set."""
    return f"folder:{write_square_folder(tmp_path_factory.mktemp('squares'))}"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def enhancer(clips: str, work: Path) -> Path:
    """Zero-DCE's training, tiny."""
    out = work / "zero_dce"
    changes = (*SMALL_CLIPS, "clip.frames=1", "steps=12", "every=4", "rate=0.001", "batch=4")
    assert train("zero_dce", out, clips, *changes) == 0
    return out


def train(
    recipe: str, out: Path, clips: str, *changes: str, options: tuple[object, ...] = (), command: str = "train"
) -> int:
    """`distill train` (or another command) with the package's recipe, on the clips alone."""
    source = f"sources=[{{set: '{clips}', licence: ours}}]"
    if recipe.startswith("student"):
        source = source.replace("}]", ", share: 1.0, pretrain: true}]")
    arguments = [command, RECIPES[recipe], "--out", out, "--cache", out.parent / "cache", *options]
    for change in (source, *changes):
        arguments += ["--with", change]
    return main([*map(str, arguments), "--workers", "1"])


def changes_of(recipe: str, enhancer: Path) -> tuple[str, ...]:
    stages = read_document(RECIPES[recipe])["stages"]
    short = [
        f"stages.{i}.{key}"
        for i in range(len(stages))
        for key in ("steps=30", "batch=4", "micro_batch=2", "schedule=constant")
    ]
    lifted = (f"clip.enhance_weights={enhancer / 'enhancer.safetensors'}",) if recipe == "rbert" else ()
    return (*SMALL_CLIPS, *FEW_VIEWS, *short, "every=10", *TEACHERS[recipe], *lifted)


def trained(recipe: str, work: Path, clips: str, enhancer: Path) -> Path:
    """The folder of the tiny teacher, trained once for all tests."""
    out = work / recipe
    if not out.exists():
        assert train(recipe, out, clips, *changes_of(recipe, enhancer)) == 0
    return out


def stop_after(calls: int, patch: pytest.MonkeyPatch) -> None:
    """The loop dies in the middle of a step, as by a kill: nothing is written any more."""
    left, total = [calls], distill.training.loop.total

    def dying(losses: distill.training.loop.Losses) -> torch.Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return total(losses)

    patch.setattr(distill.training.loop, "total", dying)


def losses(run: Path, phase: str) -> list[float]:
    return [float(line["loss"]) for line in read(run / "metrics.jsonl") if line["phase"] == phase]


def without_clock(run: Path) -> list[dict[str, float | str]]:
    return [{key: value for key, value in line.items() if key != "elapsed_s"} for line in read(run / "metrics.jsonl")]


def assert_same_weights(first: Path, second: Path) -> None:
    one, other = load_file(first), load_file(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("recipe", TEACHERS)
def test_a_teacher_learns_resumes_and_is_evaluated(
    recipe: str, clips: str, work: Path, enhancer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = trained(recipe, work, clips, enhancer), work / f"{recipe}_killed"
    for phase in {str(line["phase"]) for line in read(whole / "metrics.jsonl")} - {"stage2"}:
        fallen = losses(whole, phase)
        assert len(fallen) == 3
        assert fallen[-1] < fallen[0], (phase, fallen)

    stages = len(read_document(RECIPES[recipe])["stages"])
    with monkeypatch.context() as patch:
        stop_after(60 * (stages - 1) + 37, patch)  # two pieces a step: in the 19th of the last stage
        assert train(recipe, killed, clips, *changes_of(recipe, enhancer)) == 1
    assert not (killed / "teacher.safetensors").exists()
    assert main(["resume", str(killed), "--workers", "1"]) == 0
    assert_same_weights(whole / "teacher.safetensors", killed / "teacher.safetensors")
    assert without_clock(whole) == without_clock(killed)

    assert main(["eval", str(killed), "--set", clips, "--protocol", "ellar-table3", "--workers", "1"]) == 0
    found = json.loads((killed / "evaluations.jsonl").read_text())
    assert found["clips"] == 6
    assert found["top1"] <= found["top5"] == 1.0  # there are three classes


def test_zero_dce_learns_and_resumes(enhancer: Path, clips: str, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fallen = losses(enhancer, "enhancer")
    assert fallen[-1] < fallen[0]
    killed = work / "zero_dce_killed"
    changes = (*SMALL_CLIPS, "clip.frames=1", "steps=12", "every=4", "rate=0.001", "batch=4")
    with monkeypatch.context() as patch:
        stop_after(6, patch)
        assert train("zero_dce", killed, clips, *changes) == 1
    assert main(["resume", str(killed), "--workers", "1"]) == 0
    assert_same_weights(enhancer / "enhancer.safetensors", killed / "enhancer.safetensors")


def test_pretrained_weights_start_the_teacher(clips: str, work: Path, enhancer: Path) -> None:
    start = trained("actlumos_pretraining", work, clips, enhancer) / "teacher.safetensors"
    changes = (*changes_of("actlumos_teacher", enhancer), "stages=[]")
    assert train("actlumos_teacher", work / "started", clips, *changes, options=("--start", start)) == 0
    before, after = load_file(start), load_file(work / "started" / "teacher.safetensors")
    assert torch.equal(before["trunk.stem.0.weight"], after["trunk.stem.0.weight"])


def test_the_papers_student_learns_from_the_teacher(clips: str, work: Path, enhancer: Path) -> None:
    changes = (*changes_of("actlumos_student", enhancer), "stages.0.steps=2")
    teacher = ("--teacher", trained("actlumos_teacher", work, clips, enhancer))
    assert train("actlumos_student", work / "taught", clips, *changes, options=teacher) == 0
    assert {"classification", "distillation"} <= set(read(work / "taught" / "metrics.jsonl")[-1])


def test_a_student_learns_from_a_teacher_and_resumes(
    clips: str, work: Path, enhancer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = ("--teacher", trained("dgam_swin_b", work, clips, enhancer))
    changes = (
        *STUDENT,
        "schedule={pretrain_steps: 2, steps: 60, batch: 6, ticks: 12}",
        "distillation.feature_weight=0.1",
        "wiid={}",
    )
    whole, killed = work / "student_kd", work / "student_kd_killed"
    assert train("student_kd", whole, clips, *changes, options=teacher) == 0
    assert {"classification", "distillation", "features", "consistency"} <= set(read(whole / "metrics.jsonl")[-1])
    fallen = losses(whole, "train")
    assert fallen[-1] < fallen[0]
    with monkeypatch.context() as patch:
        stop_after(57, patch)
        assert train("student_kd", killed, clips, *changes, options=teacher) == 1
    assert main(["resume", str(killed), "--workers", "1"]) == 0
    assert_same_weights(whole / "student.safetensors", killed / "student.safetensors")
    assert_same_weights(whole / "gate.safetensors", killed / "gate.safetensors")
    assert without_clock(whole) == without_clock(killed)

    assert main(["export", str(killed), "--out", str(work / "exported")]) == 0
    assert Bundle.load(work / "exported").manifest.name == Bundle.load(whole / "bundle").manifest.name
    assert main(["eval", str(killed), "--set", clips, "--workers", "1"]) == 0
    assert f"{len(open_set(clips).clips)} clips" in capsys.readouterr().out


def test_a_student_that_is_killed_goes_on_bit_for_bit(clips: str, work: Path) -> None:
    changes = (*STUDENT, "schedule={pretrain_steps: 0, steps: 300, batch: 6, ticks: 12}")
    whole, killed = work / "student", work / "student_killed"
    assert train("student", whole, clips, *changes) == 0
    arguments = ["train", RECIPES["student"], "--out", killed, "--cache", work / "cache", "--workers", "1"]
    source = f"sources=[{{set: '{clips}', licence: ours, share: 1.0, pretrain: true}}]"
    for change in (source, *changes):
        arguments += ["--with", change]
    process = subprocess.Popen([sys.executable, "-m", "distill.cli", *map(str, arguments)], cwd=ROOT)
    checkpoint = killed / "checkpoint.safetensors"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert main(["resume", str(killed), "--workers", "1"]) == 0
    assert_same_weights(whole / "student.safetensors", killed / "student.safetensors")


def test_folds_go_on_where_they_were_killed(clips: str, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = work / "folds"
    changes = (*STUDENT[:-1], "schedule={pretrain_steps: 1, steps: 4, batch: 6, ticks: 12}")
    folds = ("folds={source: 0, actors: [[nobody], [no one]]}",)
    with monkeypatch.context() as patch:
        stop_after(7, patch)  # one step before the folds, four in each
        assert train("student", out, clips, *changes, *folds, command="folds") == 1
    assert (out / "0" / "bundle").exists() and not (out / "1" / "bundle").exists()
    finished = (out / "0" / "student.safetensors").stat().st_mtime_ns
    assert main(["resume", str(out), "--workers", "1"]) == 0
    assert (out / "0" / "student.safetensors").stat().st_mtime_ns == finished
    assert_same_weights(out / "0" / "student.safetensors", out / "1" / "student.safetensors")  # nobody was left out
    assert (out / "1" / "clips.txt").read_text() == ""


def test_a_wider_student_teaches_fold_by_fold(clips: str, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = (*STUDENT[:-1], "schedule={pretrain_steps: 0, steps: 2, batch: 6, ticks: 12}")
    folds = "folds={source: 0, actors: [[nobody], [no one]]}"
    wide, learner, taught = work / "wide", "distillation={weight: 1.0, feature_weight: 0.1}", work / "taught_by_wide"
    wider = (*changes, folds, "student.embedding=24")
    assert train("student", wide, clips, *wider, command="folds") == 0
    options = ("--teacher", wide)
    assert train("student", taught, clips, *changes, folds, learner, options=options, command="folds") == 0
    assert {"distillation", "features"} <= set(read(taught / "1" / "metrics.jsonl")[0])

    others = "folds={source: 0, actors: [[nobody]]}"
    refused = work / "refused"
    assert train("student", refused, clips, *changes, others, learner, options=options, command="folds") == 2
    assert "the same folds" in capsys.readouterr().err
    slower = (*changes, folds, learner, "geometry.interval_ms=133.4")
    assert train("student", refused, clips, *slower, options=options, command="folds") == 2
    assert "same `geometry`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "changes", "message"),
    [
        ("dgam_swin_b", ("options={backbon: tiny}",), "backbon"),
        ("dgam_swin_b", ("stages.0.schedule=cosin",), "expected one of cosine"),
        ("dgam_swin_b", ("stages.7.rate=1",), "no such place"),
        ("dgam_swin_b", ("kind=techer",), "expected one of student, teacher"),
        ("dgam_swin_b", ("clip.size",), "KEY=VALUE"),
        ("rbert", ("clip.sampling=delt",), "expected one of dense"),
        ("zero_dce", ("enhancer=clahe",), "only zero_dce learns"),
        ("student_kd", STUDENT, "--teacher"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(
    recipe: str, changes: tuple[str, ...], message: str, clips: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(recipe, tmp_path / "out", clips, *changes) in (2, 78)
    assert message in capsys.readouterr().err


def test_an_unfinished_training_is_neither_evaluated_nor_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(tmp_path)]) == 2
    assert "distill train" in capsys.readouterr().err
    (tmp_path / "job.json").write_text(json.dumps({"command": "train", "recipe_name": "s.yaml", "cache": "."}))
    (tmp_path / "recipe.yaml").write_text((RECIPES["student"]).read_text())
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "bundle")]) == 2
    assert "distill resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("dgam_swin_b", ("stages.1.micro_batch=1",)),
        ("actlumos_teacher", ("stages.0.micro_batch=1",)),
        ("actlumos_pretraining", ("stages.0.micro_batch=1",)),
        ("actlumos_teacher", ("stages.0.batch=5", "stages.0.micro_batch=2")),  # the fifth would be alone
    ],
)
def test_a_stage_that_compares_clips_refuses_one_at_a_time_before_it_begins(
    recipe: str,
    changes: tuple[str, ...],
    clips: str,
    enhancer: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert train(recipe, tmp_path / "out", clips, *changes_of(recipe, enhancer), *changes) == 78
    assert "micro_batch" in capsys.readouterr().err
    assert not (tmp_path / "out").exists() and not (tmp_path / "cache").exists()


def test_a_missing_start_is_told_before_data_is_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = tmp_path / "kinetics.pth"
    assert train("video_swin_b", tmp_path / "out", "folder:nowhere", options=("--start", start)) == 2
    assert str(start) in capsys.readouterr().err
