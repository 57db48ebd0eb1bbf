"""`edge-run` and its siblings where there is little: no home, no account, no thread."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.errors import EXIT_FAILURE, EXIT_STOPPED, EXIT_USAGE
from tests.edge.cameras.servers.mjpeg import MjpegServer, serving
from tests.edge.conftest import ROOT, edge_run_command

UID = "61234"  # of nobody: no account, no home. It may read everything, since the sources may lie in root's home
WITHOUT_ACCOUNT = [
    *("setpriv", "--reuid", UID, "--regid", UID, "--clear-groups", "--bounding-set=-all,+dac_read_search"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"),
]
HOMES = ("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("prlimit"), reason="only root becomes another"
)


def entry(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())", *map(str, arguments)]


def homeless(command: list[str]) -> subprocess.CompletedProcess[str]:
    left = {key: value for key, value in os.environ.items() if key not in HOMES}
    return subprocess.run(
        [*WITHOUT_ACCOUNT, *command], cwd=ROOT, env=left, capture_output=True, text=True, check=False, timeout=120
    )


@as_root
def test_without_account_and_home_it_runs_and_keeps_nothing() -> None:
    plain = homeless(edge_run_command("demo", "--quiet", "--max-frames", 10))
    assert (plain.returncode, plain.stderr) == (EXIT_STOPPED, "")
    measured = homeless(edge_run_command("demo", "--max-frames", 10, "--engine", "auto"))  # the package's bundle
    assert measured.returncode == EXIT_STOPPED and "Traceback" not in measured.stderr
    if importlib.util.find_spec("openvino"):
        assert "not kept: this user has no home directory" in measured.stderr


@as_root
@pytest.mark.parametrize(
    ("module", "arguments", "code"),
    [
        ("edge.run.cli", ["--prepare", "--engine", "auto"], EXIT_STOPPED),
        ("edge.run.cli", ["--self-test"], EXIT_STOPPED),
        ("edge.run.cli", ["--camera", "file:~/none.mp4"], EXIT_FAILURE),
        ("edge.run.cli", ["--list-cameras"], EXIT_STOPPED),
        ("edge.doctor.cli", ["--camera", "demo"], None),
        ("calibration.cli", ["list"], EXIT_STOPPED),
        ("calibration.cli", ["check", "arid"], EXIT_USAGE),
        ("edge.deploy.cli", ["status"], None),
    ],
)
def test_every_command_does(module: str, arguments: list[str], code: int | None) -> None:
    done = homeless(entry(module, *arguments))
    assert "Traceback" not in done.stderr + done.stdout and "RuntimeError" not in done.stderr
    assert done.returncode == code or code is None, done.stderr


@as_root
def test_without_a_thread_a_camera_is_lost_and_comes_back_with_one(tiny_bundle: Path) -> None:
    """RLIMIT_NPROC counts the threads of a user, root's excepted."""
    server = MjpegServer(fps=30)
    with serving(server):
        command = edge_run_command("--quiet", "--camera", f"http://{server.address}/video", "--bundle", tiny_bundle)
        limited = [*WITHOUT_ACCOUNT[:2], "61235", *WITHOUT_ACCOUNT[3:], "prlimit", "--nproc=1:64", *command]
        with subprocess.Popen(limited, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stderr is not None
            lines = map(json.loads, process.stdout)
            lost = next(line for line in lines if line.get("event") == "camera_lost")
            assert lost["state"] == "no_thread" and "no thread is to be had" in lost["message"]
            process.send_signal(signal.SIGHUP)  # a service reloads; it cannot now, and says so
            refused = next(line for line in lines if line.get("event") == "bundle_rolled_back")
            assert "no thread is to be had" in refused["error"]
            raised = ["prlimit", "--pid", str(process.pid), "--nproc=64:64"]
            subprocess.run([*limited[: len(WITHOUT_ACCOUNT)], *raised], check=True)
            assert next(line for line in lines if line["type"] == "prediction")
            process.terminate()
            rest = process.stdout.read()
            assert (process.wait(20), process.stderr.read()) == (EXIT_STOPPED, "")
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"


@as_root
def test_an_engine_without_its_threads_is_one_error_and_nothing_on_stdout() -> None:
    command = edge_run_command("demo", "--quiet", "--threads", 4)
    done = homeless(["prlimit", "--nproc=1", *command])
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (EXIT_FAILURE, "", 1), done.stderr
    assert "no thread is to be had; take fewer (--threads)" in done.stderr


def test_a_duration_holds_through_a_gap(tiny_bundle: Path, tmp_path: Path) -> None:
    """A recording played at its own pace, with a minute between two of its pictures."""
    import cv2
    import numpy as np

    for name in ("0.0", "0.1", "60.0"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((48, 64, 3), 90, np.uint8))
    command = ["--camera", f"images:{tmp_path}", "--realtime", "--bundle", tiny_bundle, "--duration", "1.5"]
    start_s = time.monotonic()
    done = subprocess.run(edge_run_command("--quiet", *command), cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == EXIT_STOPPED and time.monotonic() - start_s < 45
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "stopped" and last["frames"] == 2 and last["running_s"] < 10
