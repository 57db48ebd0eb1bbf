"""A profile on real system calls: its controls in their order, read back; its camera wherever it is plugged in."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from edge.cameras.profile import camera_profiles
from tests.edge.cameras.v4l2.fake_v4l2 import ARDUCAM, UVC_CONTROLS, WEBCAM, FakeMachine, machine

__all__ = ["machine"]

OPEN = """
import json, sys
from edge.cameras.source import camera_source
with camera_source(sys.argv[1]).open() as camera:
    print(json.dumps([camera.name, camera.notes]))
"""
# Opens the camera whenever a line comes in, and says where it was.
OPEN_AGAIN = """
import sys
from edge.cameras.base import CameraSource
from edge.cameras.source import camera_source
from edge.errors import CameraError
source = camera_source("arducam")
for line in sys.stdin:
    try:
        with source.open() as camera:
            print(camera.name, flush=True)
    except CameraError as error:
        print(error, flush=True)
"""


def test_the_controls_of_the_profile_are_set_in_its_order(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM)
    name, notes = json.loads(machine.python(OPEN, "arducam"))
    assert (name, notes) == ("arducam_b0200 (/dev/video0)", [])
    wanted = [(control.id, control.value) for control in camera_profiles()["arducam_b0200"].controls]
    assert [(id, value) for event, id, value in machine.log() if event == "control"] == wanted


def test_what_the_camera_did_not_take_is_said(machine: FakeMachine) -> None:
    """This one has no backlight compensation and less gain."""
    controls = [replace(control, maximum=60) if control.name == "Gain" else control for control in UVC_CONTROLS]
    kept = tuple(control for control in controls if control.name != "Backlight Compensation")
    machine.plug(replace(ARDUCAM, controls=kept))
    _, notes = json.loads(machine.python(OPEN, "arducam"))
    assert notes == [
        "control gain (0x00980913) is 60, not 100",
        "control backlight_compensation (0x0098091c) = 0 refused: Invalid argument",
    ]


def test_an_exposure_before_manual_exposure_is_refused(machine: FakeMachine) -> None:
    """Which is why the order of a profile counts: the played camera is as strict as the real one."""
    machine.plug(ARDUCAM)
    code = (
        "from pathlib import Path; from edge.cameras.profile import Control;"
        "from edge.cameras.v4l2.controls import apply_controls;"
        "print(apply_controls(Path('/dev/video0'), [Control(0x009a0902, 'exposure_time_absolute', 333)]))"
    )
    assert "exposure_time_absolute (0x009a0902) = 333 refused" in machine.python(code)


def test_the_same_camera_is_found_under_another_number_and_its_twin_is_left_alone(machine: FakeMachine) -> None:
    twin = replace(ARDUCAM, port="1-2", usb={**ARDUCAM.usb, "serial": "UC684-B"})
    machine.plug(ARDUCAM, 0)
    machine.plug(twin, 1)
    machine.plug(replace(WEBCAM, port="1-3"), 2)
    with machine.start([sys.executable, "-c", OPEN_AGAIN], stdin=-1) as process:
        assert process.stdin and process.stdout

        def opened() -> str:
            assert process.stdin and process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        try:
            assert opened() == "arducam_b0200 (/dev/video0)"
            machine.unplug(0)
            assert opened().startswith("arducam_b0200: the one in use is gone; another is there")
            machine.plug(ARDUCAM, 5)
            assert opened() == "arducam_b0200 (/dev/video5)"
        finally:
            process.kill()
