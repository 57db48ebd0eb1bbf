"""`edge-run` as a user runs it: a process, its exit code, its lines."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge import __version__
from edge.bundles.bundle import default_bundle_path
from edge.cameras.recordings.demo import DEMO_CLIP
from tests.edge.conftest import ARID_DARK, ROOT, edge_run_command

EdgeRun = Callable[..., "subprocess.CompletedProcess[str]"]
WriteClip = Callable[..., Path]

SMOOTHING_LAG_S = 0.75

needs_default_bundle = pytest.mark.skipif(not default_bundle_path().exists(), reason="no default bundle in this tree")


def lines_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def answers(lines: list[dict[str, Any]]) -> list[str]:
    """The labels and reasons in their order, repetitions left out."""
    found = [line["label"] or line["reason"] for line in lines if line["type"] == "prediction"]
    return [answer for i, answer in enumerate(found) if i == 0 or answer != found[i - 1]]


def most_common_label(lines: list[dict[str, Any]], start_s: float, end_s: float) -> str | None:
    """The answer to an action, which comes half a smoothing window after it."""
    window = (start_s + SMOOTHING_LAG_S, end_s + SMOOTHING_LAG_S)
    during = [
        line for line in lines if line["type"] == "prediction" and window[0] <= line["stream_time_s"] <= window[1]
    ]
    counts = Counter(line["label"] for line in during if line["label"])
    return counts.most_common(1)[0][0] if counts else None


def test_a_recording_gives_lines_and_a_summary(edge_run: EdgeRun, tiny_bundle: Path, write_clip: WriteClip) -> None:
    done = edge_run("--camera", f"file:{write_clip('run.avi')}", "--bundle", tiny_bundle)
    assert done.returncode == 0, done.stderr
    lines = lines_of(done.stdout)
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "stopped"]
    assert answers(lines) == ["warming_up", "right"]
    assert (lines[-1]["frames"], lines[-1]["dropped"], lines[-1]["gammas"]) == (60, 0, {"2": 29})
    assert re.search(r"^frames 60, [\d.]+ fps, dropped 0; ticks 30", done.stderr, re.MULTILINE)
    for stage in ("measure", "gate", "input", "student", "smoothing", "output", "total"):
        assert re.search(rf"^{stage}( +\d+\.\d+){{4}}$", done.stderr, re.MULTILINE), stage


def test_two_runs_answer_the_same(edge_run: EdgeRun, tiny_bundle: Path, write_clip: WriteClip) -> None:
    clip = f"file:{write_clip('again.avi', step=-3)}"
    runs = [lines_of(edge_run("--camera", clip, "--bundle", tiny_bundle).stdout) for _ in range(2)]
    kept = ("sequence", "capture_time_s", "label", "reason", "confidence", "probabilities", "gamma", "mean")
    first, second = ([{k: line[k] for k in kept} for line in run if line["type"] == "prediction"] for run in runs)
    assert first == second and answers(runs[0])[-1] == "left"


def test_quiet_leaves_stderr_empty_and_stdout_as_it_is(
    edge_run: EdgeRun, tiny_bundle: Path, write_clip: WriteClip
) -> None:
    done = edge_run("--quiet", "--camera", f"file:{write_clip('quiet.avi')}", "--bundle", tiny_bundle)
    assert (done.returncode, done.stderr) == (0, "")
    assert len([line for line in lines_of(done.stdout) if line["type"] == "prediction"]) == 29


def test_limits(edge_run: EdgeRun, tiny_bundle: Path, write_clip: WriteClip) -> None:
    camera = f"file:{write_clip('limits.avi', frames=300)}"
    by_frames = edge_run("--max-frames", 9, "--camera", camera, "--bundle", tiny_bundle)
    assert lines_of(by_frames.stdout)[-1]["frames"] == 9
    by_time = edge_run("--duration", 0.4, "--realtime", "--camera", camera, "--bundle", tiny_bundle)
    assert 1 <= lines_of(by_time.stdout)[-1]["frames"] < 300


def test_a_fixed_gamma(edge_run: EdgeRun, tiny_bundle: Path, write_clip: WriteClip) -> None:
    camera = f"file:{write_clip('gamma.avi')}"
    fixed = edge_run("--gamma", 1, "--camera", camera, "--bundle", tiny_bundle)
    assert lines_of(fixed.stdout)[-1]["gammas"] == {"1": 29}
    wrong = edge_run("--gamma", 1.7, "--camera", camera, "--bundle", tiny_bundle)
    assert (wrong.returncode, wrong.stdout) == (2, "") and "choose one of 1, 2" in wrong.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(number: int, tiny_bundle: Path, write_clip: WriteClip) -> None:
    camera = f"file:{write_clip('signal.avi', frames=300)}"
    command = edge_run_command("--realtime", "--camera", camera, "--bundle", tiny_bundle)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while '"prediction"' not in process.stdout.readline():
            pass
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert lines_of(output)[-1]["event"] == "stopped" and "frames" in errors


def test_a_signal_may_come_while_the_stop_is_looked_at() -> None:
    """The main thread holds the event's lock then: a handler that took it would wait for ever."""
    code = """
import os, signal
from edge.run.stopping import stop_on_signals
stop = stop_on_signals()
with stop._cond:
    os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(60)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)


def test_a_stop_does_not_wait_for_a_camera_that_takes_its_time(tiny_bundle: Path) -> None:
    """Once its opening has failed, after seconds, the camera would be reported as lost."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        command = edge_run_command("--camera", f"http://127.0.0.1:{server.getsockname()[1]}/", "--bundle", tiny_bundle)
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            probe, asked = server.accept()[0], server.accept()[0]
            with probe, asked:
                asked.recv(4096)
                process.send_signal(signal.SIGTERM)
                output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert [line["event"] for line in lines_of(output)] == ["started", "stopped"]


def test_a_reader_that_goes_away_is_a_clean_end(tiny_bundle: Path, write_clip: WriteClip) -> None:
    command = edge_run_command("--camera", f"file:{write_clip('pipe.avi', frames=200)}", "--bundle", tiny_bundle)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(20) == 0
    assert "frames" in errors and "Traceback" not in errors and "BrokenPipe" not in errors


def test_closed_streams_are_no_reason_to_fail(tiny_bundle: Path, write_clip: WriteClip) -> None:
    command = edge_run_command("--camera", f"file:{write_clip('closed.avi', frames=20)}", "--bundle", tiny_bundle)
    for closed, open_stream in ((">&-", "stderr"), ("2>&-", "stdout")):
        shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
        done = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        assert "Traceback" not in done.stderr and getattr(done, open_stream)
        assert all(line.startswith("{") for line in done.stdout.splitlines())


def test_it_tells_systemd(tiny_bundle: Path, write_clip: WriteClip, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        command = edge_run_command("--quiet", "--camera", f"file:{write_clip('sd.avi')}", "--bundle", tiny_bundle)
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=60)
        assert systemd.recv(4096).startswith(b"READY=1\nWATCHDOG=1\nSTATUS=")
        while (message := systemd.recv(4096)).startswith(b"WATCHDOG=1\n"):
            pass  # once a second, on a machine so busy that the clip takes longer
        assert message == b"STOPPING=1"


def test_a_missing_live_camera_is_waited_for(edge_run: EdgeRun, tiny_bundle: Path) -> None:
    done = edge_run("--camera", "/dev/video987", "--duration", 0.5, "--bundle", tiny_bundle)
    assert done.returncode == 0
    events = [line["event"] for line in lines_of(done.stdout)]
    assert events == ["started", "camera_lost", "stopped"]
    assert "no such device" in done.stderr and "waiting" in done.stderr


def test_it_leaves_nothing_at_home(tiny_bundle: Path, write_clip: WriteClip, tmp_path: Path) -> None:
    """onnxruntime's telemetry writes a device id and a data base there, unless it is told not to."""
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    command = edge_run_command("--camera", f"file:{write_clip('home.avi', frames=9)}", "--bundle", tiny_bundle)
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_it_fits_into_the_memory_that_a_robot_has_left(tiny_bundle: Path, write_clip: WriteClip) -> None:
    # VmHWM is this process's own; ru_maxrss would start with the size of the process that started it.
    entry = "from edge.run.cli import main; main(); print(open('/proc/self/status').read())"
    arguments = ["--camera", f"file:{write_clip('rss.avi')}", "--bundle", str(tiny_bundle), "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", entry, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    peak_kb = int(done.stdout.partition("VmHWM:")[2].split()[0])
    assert 20_000 < peak_kb < 150 * 1024


def test_version_and_help_answer_without_the_heavy_libraries(edge_run: EdgeRun) -> None:
    assert edge_run("--version").stdout == f"edge-run {__version__}\n"
    assert "--camera" in edge_run("--help").stdout


def test_the_printed_configuration_can_be_used(edge_run: EdgeRun, tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text("camera: arducam\nboard: pi5\n")
    printed = edge_run("--config", path, "--gamma", 2, "--print-config")
    assert printed.returncode == 0
    assert yaml.safe_load(printed.stdout)["camera"] == "arducam"
    assert re.search(r"^threads: 1 +# board pi5$", printed.stdout, re.MULTILINE)
    assert re.search(r"^gamma: 2\.0 +# command line$", printed.stdout, re.MULTILINE)
    path.write_text(printed.stdout)
    assert yaml.safe_load(edge_run("--config", path, "--print-config").stdout) == yaml.safe_load(printed.stdout)


BAD_INPUT = {
    "missing file": (["--camera", "file:{dir}/none.mp4"], 1, "{dir}/none.mp4: no such video file"),
    "directory": (["--camera", "file:{dir}"], 1, "{dir}: is a directory"),
    "empty video": (["--camera", "file:{dir}/empty.mp4"], 1, "{dir}/empty.mp4: the video file is empty (0 bytes)"),
    "no video": (["--camera", "file:{dir}/text.mp4"], 1, "{dir}/text.mp4: no video in it"),
    "unknown camera": (["--camera", "arducm"], 2, "unknown camera 'arducm'"),
    "unknown board": (["--board", "pi3"], 2, "unknown board 'pi3'"),
    "unknown option": (["--camra", "demo"], 2, "unrecognized arguments: --camra"),
    "wrong number": (["--max-frames", "0"], 2, "max_frames: expected 1 to"),
    "wrong key": (["--config", "{dir}/wrong.yaml"], 78, "{dir}/wrong.yaml: unknown key 'camra'; did you"),
    "no config": (["--config", "{dir}/none.yaml"], 78, "{dir}/none.yaml: cannot be read"),
    "no bundle": (["--bundle", "{dir}/none"], 78, "{dir}/none: expected a bundle"),
    "broken bundle": (["--bundle", "{dir}/broken"], 78, "student.onnx"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_has_its_message_and_exit_code(
    case: str, edge_run: EdgeRun, tiny_bundle: Path, write_clip: WriteClip, tmp_path: Path
) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "wrong.yaml").write_text("camra: demo\n")
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in tiny_bundle.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    with (broken / "student.onnx").open("r+b") as file:
        file.seek(50)
        file.write(b"\0\1\2\3")
    options, code, message = BAD_INPUT[case]
    options = [option.format(dir=tmp_path) for option in options]
    if "--bundle" not in options:
        options += ["--bundle", str(tiny_bundle)]
    if "--camera" not in options:
        options += ["--camera", f"file:{write_clip('any.avi', frames=3)}"]
    done = edge_run(*options)
    assert done.returncode == code, done.stderr
    assert message.format(dir=tmp_path) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@needs_default_bundle
@pytest.mark.skipif(not DEMO_CLIP.exists(), reason="no demo clip in this tree")
def test_the_demo_runs_as_shipped(edge_run: EdgeRun) -> None:
    done = edge_run("demo")
    assert done.returncode == 0, done.stderr
    lines = lines_of(done.stdout)
    shown = json.loads(DEMO_CLIP.with_suffix(".json").read_text())
    right = [action["label"] == most_common_label(lines, action["start_s"], action["end_s"]) for action in shown]
    assert all(right), answers(lines)
    assert lines[-1]["dropped"] == 0 and lines[-1]["gaps"] == 0


@needs_default_bundle
@pytest.mark.skipif(not (ARID_DARK / "labels.csv").exists(), reason="the real dark clips are not here")
def test_three_real_dark_clips(edge_run: EdgeRun) -> None:
    with (ARID_DARK / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows[:: len(rows) // 3][:3]:
        done = edge_run("--camera", f"file:{ARID_DARK / row['file']}")
        assert done.returncode == 0, done.stderr
        lines = lines_of(done.stdout)
        predictions = [line for line in lines if line["type"] == "prediction"]
        assert lines[-1]["frames"] == pytest.approx(int(row["frames"]), abs=1)
        assert predictions and all(sum(p["probabilities"].values()) == pytest.approx(1, abs=1e-2) for p in predictions)
        assert {p["reason"] for p in predictions} <= {None, "warming_up", "low_confidence"}
        assert predictions[0]["mean"] == pytest.approx(float(row["mean_luma"]), rel=0.5)
