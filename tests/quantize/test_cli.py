"""The command `quantize`, whole: clips on disk and a float bundle in, an INT8 bundle or a clear refusal out."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from calibration.evaluate import main as edge_eval
from edge.bundle import Bundle, write_bundle
from edge.engines.onnxruntime import Student
from edge.errors import EXIT_CONFIG, EXIT_FAILURE, EXIT_USAGE
from quantize.cli import main
from tests.clips import write_square_folder
from tests.students import tiny_files, tiny_manifest, tiny_student

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantize")
    student = tiny_student()
    write_bundle(folder / "float", tiny_manifest(student), tiny_files(student))
    write_square_folder(folder / "squares", 6)
    return folder


def options(workplace: Path, out: str, *more: str) -> list[str]:
    calib = f"folder:{workplace / 'squares'}"
    return ["--calib", calib, "--model", str(workplace / "float"), "--out", str(workplace / out), *more]


GENEROUS = "--max-drop=100"  # six clips and random weights say nothing about accuracy


def test_a_float_bundle_becomes_an_integer_one(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(workplace, "int8", GENEROUS)) == 0
    printed = capsys.readouterr().out
    for part in ("float ", "INT8 ", "same decision on", "MB ->", "ms a step", "4 of 4 convolutions run as QLinearConv"):
        assert part in printed
    bundle = Bundle.load(workplace / "int8")
    manifest = bundle.manifest
    assert (manifest.precision, manifest.target) == ("int8", "x86")
    assert {state.dtype for state in manifest.states} == {"uint8"}
    assert [entry.what for entry in manifest.accuracy] == ["float32, before quantisation", "int8"]
    assert {entry.clips for entry in manifest.accuracy} == {6}
    assert manifest.accuracy[1].command == "edge-eval --bundle BUNDLE --set folder:squares --seed 0"
    assert str(workplace) not in manifest.to_json()
    assert any("19 ticks" in note or "114 ticks" in note for note in manifest.provenance.notes)
    Student(bundle)


def test_the_manifests_accuracy_is_what_its_command_prints(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(options(workplace, "again", GENEROUS)) == 0
    monkeypatch.chdir(workplace)
    for entry, bundle in zip(Bundle.load(workplace / "again").manifest.accuracy, ("float", "again"), strict=True):
        words = entry.command.replace("FLOAT", bundle).replace("BUNDLE", bundle).split()
        capsys.readouterr()
        assert edge_eval(words[1:]) == 0
        assert f"{entry.top1:.1%} top-1" in capsys.readouterr().out


def test_the_same_input_gives_the_same_bytes(workplace: Path) -> None:
    for name in ("one.tar", "two.tar"):
        assert main(options(workplace, name, GENEROUS)) == 0
    assert (workplace / "one.tar").read_bytes() == (workplace / "two.tar").read_bytes()


def test_two_processes_under_torchrun_write_the_same_bytes(workplace: Path) -> None:
    pytest.importorskip("torch")
    assert main(options(workplace, "alone.tar", GENEROUS)) == 0
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "quantize.cli"]
    more = options(workplace, "together.tar", GENEROUS, "--exchange", str(workplace / "exchange"))
    run = subprocess.run([sys.executable, *launcher, *more], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("written") == 1
    assert (workplace / "alone.tar").read_bytes() == (workplace / "together.tar").read_bytes()


def test_a_loss_over_the_gate_writes_nothing(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(workplace, "lost", "--max-drop=-101")) == EXIT_FAILURE  # asks INT8 to gain 101 points
    assert "nothing written" in capsys.readouterr().err
    assert not (workplace / "lost").exists()


@pytest.mark.parametrize("points", ["nan", "inf", "much"])
def test_the_gate_cannot_be_opened_by_a_word(workplace: Path, capsys: pytest.CaptureFixture[str], points: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(options(workplace, "unwritten", f"--max-drop={points}"))
    assert caught.value.code == EXIT_USAGE
    assert f"expected a number of points, found '{points}'" in capsys.readouterr().err


def test_force_writes_and_says_so(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(workplace, "forced", "--max-drop=-101", "--force")) == 0
    assert "warning" in capsys.readouterr().err
    assert Bundle.load(workplace / "forced").manifest.provenance.notes[-1].startswith("FORCED: INT8 lost")


def test_what_is_left_out_and_too_little_is_said(
    workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (write_square_folder(tmp_path / "more", 3) / "left").rename(tmp_path / "more" / "swim")
    assert main([*options(workplace, "more", GENEROUS), "--calib", f"folder:{tmp_path / 'more'}"]) == 0
    said = capsys.readouterr()
    assert "left out, no such label in the bundle: 1 swim" in said.out
    assert "38 ticks are few to calibrate on" in said.err
    notes = Bundle.load(workplace / "more").manifest.provenance.notes
    assert any("1 clips of other labels left out" in note for note in notes)


def wrong_inputs(workplace: Path) -> dict[str, tuple[list[str], int, str]]:
    integer, broken, home = workplace / "integer", workplace / "broken", workplace / "home"
    student = tiny_student()
    write_bundle(integer, dataclasses.replace(tiny_manifest(student), precision="int8"), tiny_files(student))
    write_bundle(broken, tiny_manifest(student), {**tiny_files(student), "student.onnx": b"nothing"})
    home.mkdir(exist_ok=True)
    (home / "letter.txt").write_text("dear")
    return {
        "no bundle": (["--model", str(workplace / "nowhere")], EXIT_CONFIG, "found nothing; check the path"),
        "an integer bundle": (["--model", str(integer)], EXIT_USAGE, "expected a float bundle, found int8"),
        "no model inside": (["--model", str(broken)], EXIT_CONFIG, "cannot load it"),
        "an out that is no bundle": (["--out", str(home)], EXIT_USAGE, "choose another name"),
        "no such set": (["--calib", "synthetic_vla"], EXIT_USAGE, "synthetic_val"),
        "ELLAR without data": (["--calib", "ellar_val"], EXIT_USAGE, "--data-root DIR"),
        "no known label": (["--calib", "synthetic_val", "--limit", "2"], EXIT_USAGE, "none of its 2 clips has a label"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "no bundle",
        "an integer bundle",
        "no model inside",
        "an out that is no bundle",
        "no such set",
        "ELLAR without data",
        "no known label",
    ],
)
def test_wrong_input_gets_one_message(workplace: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    more, code, message = wrong_inputs(workplace)[case]
    assert main([*options(workplace, "unwritten"), *more]) == code
    error = capsys.readouterr().err
    assert error.startswith("quantize: ") and message in error and "Traceback" not in error
    assert not (workplace / "unwritten").exists()


def in_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_without_onnx_it_says_how_to_install_it(workplace: Path) -> None:
    code = "import sys; sys.modules['onnx'] = None; from quantize.cli import main; sys.exit(main())"
    run = in_process(code, *options(workplace, "unwritten"))
    assert run.returncode == EXIT_USAGE
    assert run.stderr == (
        "quantize: the package onnx is missing; install it with: pip install 'ellar-edge[quantize]'\n"
    )


def test_it_runs_without_torch_and_distill(workplace: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['distill'] = None  # importing either would fail\n"
        "from quantize.cli import main\n"
        "sys.exit(main())\n"
    )
    run = in_process(code, *options(workplace, "light", GENEROUS))
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""


def test_a_damaged_clip_costs_itself_and_a_line(
    workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = write_square_folder(tmp_path / "squares", 6)
    (clips / "left" / "broken.avi").write_bytes(b"RIFF, but no video")
    arguments = ["--calib", f"folder:{clips}", "--model", str(workplace / "float"), "--out", str(tmp_path / "int8")]
    assert main([*arguments, GENEROUS]) == 0
    assert "left out, damaged: " in capsys.readouterr().out
    manifest = Bundle.load(tmp_path / "int8").manifest
    assert {entry.clips for entry in manifest.accuracy} == {6}
    assert any("1 damaged clips left out" in note for note in manifest.provenance.notes)
