"""The command `quantize`, whole: clips on disk and a float bundle in, an INT8 bundle or a clear refusal out."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from calibration.evaluation.cli import main as edge_eval
from calibration.sets import open_set
from edge.bundles.bundle import Bundle, Manifest, write_bundle
from edge.engines.catalogue import open_with
from edge.engines.onnxruntime import OnnxRuntimeSession
from edge.errors import EXIT_CONFIG, EXIT_FAILURE, EXIT_USAGE
from edge.shipped import install_extra
from quantize.cli import main
from quantize.job import QuantizeRequest, quantize
from quantize.search import Search
from tests.clips import write_square_folder
from tests.students import tiny_files, tiny_manifest, tiny_student

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantize")
    student = tiny_student()
    write_bundle(folder / "float", tiny_manifest(student), tiny_files(student))
    write_square_folder(folder / "squares", 12)
    return folder


def options(workplace: Path, out: str, *more: str) -> list[str]:
    calib = f"folder:{workplace / 'squares'}"
    return ["--calib", calib, "--model", str(workplace / "float"), "--out", str(workplace / out), "--workers=1", *more]


# A dozen clips and random weights say nothing about accuracy, and a student this small is not faster in INT8.
TAKEN = ("--max-drop=100", "--force", "--estimator=minmax")


def test_float_becomes_integer_for_several_targets(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reports = [f"--{kind}={workplace / f'report.{kind}'}" for kind in ("html", "json")]
    assert main(options(workplace, "all", *TAKEN, "--target=x86,arm,jetson", *reports)) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 layers with weights are integer kernels" in printed and "arm S8S8 (kept" in printed
    bundles = {target: Bundle.load(workplace / "all" / target) for target in ("x86", "arm", "jetson")}
    for target, bundle in bundles.items():
        assert (bundle.manifest.precision, bundle.manifest.target) == ("int8", target)
        assert str(workplace) not in bundle.manifest.to_json()
        for build in bundle.builds():
            OnnxRuntimeSession(build)
    kinds = {t: [{s.dtype for s in build.manifest.states} for build in b.builds()] for t, b in bundles.items()}
    assert kinds == {"x86": [{"uint8"}], "arm": [{"uint8"}, {"int8"}], "jetson": [{"float32"}]}
    assert bundles["x86"].student_bytes() == bundles["arm"].student_bytes()
    assert [target["target"] for target in json.loads((workplace / "report.json").read_text())["targets"]] == [*bundles]
    assert "</html>" in (workplace / "report.html").read_text()


def test_the_manifest_says_what_its_command_prints(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(workplace, "int8", *TAKEN)) == 0
    manifest = Bundle.load(workplace / "int8").manifest
    assert [entry.what for entry in manifest.accuracy] == ["float32, before quantisation", "int8"]
    assert {entry.clips for entry in manifest.accuracy} == {6}
    entry = manifest.accuracy[1]
    assert entry.command == "edge-eval --bundle BUNDLE --set folder:squares --limit 6 --seed 0"
    assert any("calibrated on 4 clips, 76 ticks" in note and "on 2 other clips" in note for note in notes(manifest))
    capsys.readouterr()
    assert edge_eval(filled(entry.command, workplace, "int8")) == 0
    assert f"{entry.top1:.1%} top-1" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--acceptance", "--gate"])
def test_a_set_of_its_own_judges_the_loss_by_its_name_of_today_and_by_its_earlier_one(
    workplace: Path, option: str
) -> None:
    others = f"folder:{write_square_folder(workplace / f'others{option}', 8)}"
    report = workplace / "judged.json"
    assert main(options(workplace, f"judged{option}", *TAKEN, option, others, "--json", str(report))) == 0
    found = json.loads(report.read_text())
    name = f"folder:others{option}"
    assert found["acceptance"] == f"{name} --seed 0" and found["parts"]["acceptance_clips"] == 8
    assert f"--acceptance {name} " in notes(Bundle.load(workplace / f"judged{option}").manifest)[0]


def filled(command: str, workplace: Path, bundle: str) -> list[str]:
    """A manifest's command as a user of this folder would type it, without the program's name."""
    words = command.replace("BUNDLE", str(workplace / bundle)).replace("folder:", f"folder:{workplace}/").split()
    assert words[0] == "edge-eval"
    return words[1:]


def notes(manifest: Manifest) -> tuple[str, ...]:
    return manifest.provenance.notes


def test_the_same_input_gives_the_same_bytes(workplace: Path) -> None:
    clips = open_set(f"folder:{workplace / 'squares'}")
    request = QuantizeRequest(clips.name, ("x86",), workplace, Search("auto", True, 100.0))
    bundles = [quantize(Bundle.load(workplace / "float"), clips, request).targets[0].bundle for _ in range(2)]
    assert bundles[0].files == bundles[1].files
    assert bundles[0].manifest == bundles[1].manifest


def test_two_processes_under_torchrun_write_the_same_bytes(workplace: Path) -> None:
    pytest.importorskip("torch")
    assert main(options(workplace, "alone.tar", *TAKEN)) == 0
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "quantize.cli"]
    more = options(workplace, "together.tar", *TAKEN, "--exchange", str(workplace / "exchange"))
    run = subprocess.run([sys.executable, *launcher, *more], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("written") == 1
    alone, together = (Bundle.load(workplace / f"{name}.tar") for name in ("alone", "together"))
    assert alone.files == together.files
    assert alone.manifest.accuracy == together.manifest.accuracy


def test_a_loss_that_is_not_accepted_writes_nothing(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # asks INT8 to gain 101 points
    assert main(options(workplace, "lost", "--max-drop=-101", "--estimator=minmax")) == EXIT_FAILURE
    said = capsys.readouterr()
    assert "is not written" in said.err and "--max-drop allows -101" in said.err
    assert "  3. " in said.out
    assert not (workplace / "lost").exists()


def test_a_kill_leaves_no_half_bundle(workplace: Path) -> None:
    code = (
        "import os, sys, signal\n"
        "import quantize.cli as cli\n"
        "import edge.bundles.writing as writing\n"
        "write = writing.write_file\n"
        "def killed(path, data):\n"
        "    write(path, data[: len(data) // 2])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)  # in the middle of the bundle's first file\n"
        "def write_bundle(*arguments):\n"
        "    writing.write_file = killed\n"
        "    return writing.write_bundle(*arguments)\n"
        "cli.write_bundle = write_bundle\n"
        "cli.main()\n"
    )
    run = in_process(code, *options(workplace, "killed/int8", *TAKEN))
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert not (workplace / "killed" / "int8").exists()


@pytest.mark.parametrize("points", ["nan", "inf", "much"])
def test_no_word_makes_any_loss_acceptable(workplace: Path, capsys: pytest.CaptureFixture[str], points: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(options(workplace, "unwritten", f"--max-drop={points}"))
    assert caught.value.code == EXIT_USAGE
    assert f"expected a number of points, found '{points}'" in capsys.readouterr().err


def test_force_writes_and_says_so(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(workplace, "forced", "--max-drop=-101", "--force", "--estimator=minmax")) == 0
    assert "warning" in capsys.readouterr().err
    forced = [note for note in notes(Bundle.load(workplace / "forced").manifest) if note.startswith("FORCED: ")]
    assert "INT8 lost 0.0 points, --max-drop allows -101" in forced[0]


def test_what_is_left_out_and_too_little_is_said(
    workplace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = write_square_folder(tmp_path / "more", 12)
    (clips / "left").rename(clips / "swim")
    (clips / "right" / "broken.avi").write_bytes(b"RIFF, but no video")
    assert main([*options(workplace, "more", *TAKEN), "--calib", f"folder:{clips}"]) == 0
    said = capsys.readouterr()
    assert "left out, no such label in the bundle: " in said.out
    assert "ticks are few to calibrate on" in said.err and "no clip to calibrate on of left" in said.err
    assert any("1 damaged clips left out" in note for note in notes(Bundle.load(workplace / "more").manifest))


def wrong_inputs(workplace: Path) -> dict[str, tuple[list[str], int, str]]:
    integer, broken, home = workplace / "integer", workplace / "broken", workplace / "home"
    student = tiny_student()
    write_bundle(integer, dataclasses.replace(tiny_manifest(student), precision="int8"), tiny_files(student))
    write_bundle(broken, tiny_manifest(student), {**tiny_files(student), "student.onnx": b""})
    home.mkdir(exist_ok=True)
    (home / "letter.txt").write_text("dear")
    alone = write_square_folder(workplace / "alone", 12)
    for other in ("right", "still"):
        shutil.rmtree(alone / other, ignore_errors=True)
    return {
        "no bundle": (["--model", str(workplace / "nowhere")], EXIT_CONFIG, "found nothing; check the path"),
        "an integer bundle": (["--model", str(integer)], EXIT_USAGE, "expected a float bundle, found int8"),
        "no model inside": (["--model", str(broken)], EXIT_CONFIG, "expected an ONNX file"),
        "an out that is no bundle": (["--out", str(home)], EXIT_USAGE, "choose another name"),
        "no such set": (["--calib", "synthetic_vla"], EXIT_USAGE, "synthetic_val"),
        "ELLAR without data": (["--calib", "ellar_val"], EXIT_USAGE, "--data-root DIR"),
        "one class": (["--calib", f"folder:{alone}"], EXIT_USAGE, "two classes or more, found 4 clips, all of left"),
        "too few clips": (["--limit", "3"], EXIT_USAGE, "expected 4 clips or more"),
        "no clips": (["--calib", f"folder:{home}"], EXIT_USAGE, str(home)),
        "several targets in one tar": (["--target=x86,arm", "--out=all.tar"], EXIT_USAGE, "name a folder for them"),
        "like beside a bundle": (["--like", str(workplace / "float")], EXIT_USAGE, "--like is for a bare .onnx file"),
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
        "one class",
        "too few clips",
        "no clips",
        "several targets in one tar",
        "like beside a bundle",
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


def quantize_command(workplace: Path, out: str, *more: str) -> list[str]:
    code = "import sys; from quantize.cli import main; sys.exit(main())"
    return [sys.executable, "-c", code, *options(workplace, out, *TAKEN), *more]


@pytest.mark.parametrize("report", ["--html", "--json"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(workplace: Path, report: str) -> None:
    for target, said in (
        (workplace, "found a folder"),
        (workplace / "none" / "r", "there is no folder"),
        ("r" * 300, ""),
    ):
        done = subprocess.run(
            [*quantize_command(workplace, "early"), report, str(target)], cwd=ROOT, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (EXIT_USAGE, "", 1), done.stderr
        assert said in done.stderr
    assert not (workplace / "early").exists()


@pytest.mark.parametrize(
    ("end", "code"), [("2>/dev/full", 0), ("2>&- | true", 0), (">&-", 0), (">/dev/full", EXIT_FAILURE)]
)
def test_the_work_is_kept_whatever_happens_to_what_is_said(workplace: Path, end: str, code: int) -> None:
    out = f"said{abs(hash(end))}"
    command = quantize_command(workplace, out, "--html", str(workplace / f"{out}.html"))
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {end}', "bash", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == code and "Traceback" not in done.stderr
    assert Bundle.load(workplace / out).manifest.precision == "int8"
    assert (workplace / f"{out}.html").read_text().rstrip().endswith("</html>")
    if code:
        assert done.stderr.splitlines()[-1] == "quantize: standard output: No space left on device"


def test_a_report_that_fails_in_the_end_costs_the_report_alone(workplace: Path) -> None:
    """A disk that fills up while it is written: the bundle is there, and what was found is told."""
    done = subprocess.run(
        quantize_command(workplace, "late", "--html", "/dev/full"), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == EXIT_FAILURE and "written" in done.stdout
    assert "the report cannot be written (No space left on device)" in done.stderr.splitlines()[-1]
    assert Bundle.load(workplace / "late").manifest.precision == "int8"


def test_without_onnx_it_says_how_to_install_it(workplace: Path) -> None:
    code = "import sys; sys.modules['onnx'] = None; from quantize.cli import main; sys.exit(main())"
    run = in_process(code, *options(workplace, "unwritten"))
    assert run.returncode == EXIT_USAGE
    assert run.stderr == (f"quantize: the package onnx is missing; install it with: {install_extra('quantize')}\n")


def test_it_runs_without_torch_and_distill(workplace: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['distill'] = None  # importing either would fail\n"
        "from quantize.cli import main\n"
        "sys.exit(main())\n"
    )
    run = in_process(code, *options(workplace, "light", *TAKEN))
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr


def test_for_openvino_torch_is_not_imported_and_its_command_is_named(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf")
    code = (
        "import sys\n"
        "from quantize.cli import main\n"
        "code = main()\n"
        "sys.exit('torch is here' if 'torch' in sys.modules else code)\n"
    )
    run = in_process(code, *options(workplace, "openvino", *TAKEN, "--target=openvino"))
    assert run.returncode == 0, run.stderr
    bundle = Bundle.load(workplace / "openvino")
    for build in bundle.builds():
        open_with("openvino", build, 1, print)
    entry = bundle.manifest.accuracy[1]
    assert entry.command.startswith("edge-eval --engine openvino --bundle BUNDLE ")
    assert edge_eval(filled(entry.command, workplace, "openvino")) == 0
    assert f"{entry.top1:.1%} top-1" in capsys.readouterr().out
