"""Which camera a command line means: named once, found here, or said that none is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from edge.cameras.finding.default import default_camera
from edge.cameras.finding.listing import ListedCamera
from edge.errors import UsageError
from tests.edge.cameras.v4l2.fake_v4l2 import ARDUCAM, WEBCAM, FakeMachine
from tests.edge.conftest import edge_run_command


def on(machine: FakeMachine, *arguments: object) -> tuple[int, str, str]:
    done = machine.run(edge_run_command(*arguments))
    return done.returncode, done.stdout, done.stderr


def test_the_camera_that_is_here_is_taken(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(ARDUCAM)
    code, out, err = on(machine, "--bundle", tiny_bundle, "--max-frames", 5)
    assert code == 0, err
    assert json.loads(out.splitlines()[0])["camera"] == "arducam" and "arducam: the camera that is here" in err
    code, out, err = on(machine, "--print-config")
    assert re.search("^camera: arducam +# the camera that is here$", out, re.MULTILINE) and code == 0


def test_of_two_cameras_the_first_is_taken_and_the_other_named(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(ARDUCAM, 0)
    machine.plug(WEBCAM, 2)
    code, _, err = on(machine, "--bundle", tiny_bundle, "--max-frames", 5)
    assert code == 0 and "arducam: the camera that is here; others: generic_uvc" in err


def test_without_a_camera_it_says_what_to_do_and_does_not_play_the_demo(machine: FakeMachine) -> None:
    code, out, err = on(machine)
    assert (code, out) == (2, "") and err.startswith("edge-run: no camera is here") and err.count("\n") == 1
    for what in ("edge-run demo", "edge-run CLIP.mp4", "edge-run FOLDER", "rtsp://", "--list-cameras"):
        assert what in err


def test_a_configuration_without_a_camera_is_read_as_ever(machine: FakeMachine, tmp_path: Path) -> None:
    machine.plug(ARDUCAM)
    (tmp_path / "edge.yaml").write_text("board: auto\n")
    _, out, _ = on(machine, "--config", tmp_path / "edge.yaml", "--print-config")
    assert yaml.safe_load(out)["camera"] == "demo"


def test_a_camera_is_named_without_an_option(machine: FakeMachine, tiny_bundle: Path) -> None:
    machine.plug(ARDUCAM, 3)
    for name in ("/dev/video3", "3", "arducam"):
        code, out, err = on(machine, name, "--bundle", tiny_bundle, "--max-frames", 3)
        assert code == 0 and json.loads(out.splitlines()[-1])["frames"] == 3, err


def test_named_twice_is_refused(machine: FakeMachine) -> None:
    code, out, err = on(machine, "clip.mp4", "--camera", "demo")
    assert (code, out, err) == (2, "", "edge-run: two cameras: clip.mp4 and --camera demo; name one\n")


def test_a_camera_that_answers_comes_before_one_that_does_not() -> None:
    broken = ListedCamera("/dev/video0", "broken", "generic_uvc", "generic_uvc@1", problem="permission denied")
    good = ListedCamera("/dev/video2", "good", "arducam_b0200", "arducam")
    unknown = ListedCamera("id", "a sensor without a profile", "", "", problem="no profile knows this sensor")
    assert default_camera(lambda: [unknown, broken, good]) == ("arducam", ("generic_uvc@1",))
    with pytest.raises(UsageError, match="no camera is here"):
        default_camera(lambda: [unknown])
