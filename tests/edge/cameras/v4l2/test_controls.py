"""V4L2 controls: set in their order, read back, and what a camera does not take is said."""

from __future__ import annotations

import errno
import sys
from dataclasses import replace

from edge.cameras.profile import camera_profiles
from tests.edge.cameras.v4l2.fake_v4l2 import ARDUCAM, UVC_CONTROLS, FakeControl, FakeMachine

APPLY = """
import errno
import sys
from dataclasses import replace
from pathlib import Path
from edge.cameras.v4l2.controls import apply_controls
from edge.cameras.profile import camera_profiles
print(*apply_controls(Path("/dev/video0"), camera_profiles()[sys.argv[1]].controls), sep="\\n", end="")
"""


def test_a_profiles_controls_are_set_in_their_order(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM)
    assert machine.python(APPLY, "arducam_b0200") == ""
    wanted = [(control.id, control.value) for control in camera_profiles()["arducam_b0200"].controls]
    assert [(id, value) for name, id, value in machine.log() if name == "control"] == wanted
    assert ("close", 0, 0) in machine.log()


def test_what_a_camera_does_not_take_is_named(machine: FakeMachine) -> None:
    gain, exposure = 0x00980913, 0x009A0902
    changed = {gain: replace(control_of(gain), maximum=16), exposure: replace(control_of(exposure), refuse=errno.EIO)}
    kept = tuple(changed.get(control.id, control) for control in UVC_CONTROLS if control.id != 0x009A0903)
    machine.plug(replace(ARDUCAM, controls=kept))
    assert machine.python(APPLY, "arducam_b0200").splitlines() == [
        "control exposure_dynamic_framerate (0x009a0903) = 0 refused: Invalid argument",
        "control exposure_time_absolute (0x009a0902) = 333 refused: Input/output error",
        "control gain (0x00980913) is 16, not 100",
    ]


def test_an_exposure_before_manual_mode_is_refused(machine: FakeMachine) -> None:
    """Why the order counts: the played camera refuses it as a real one does."""
    machine.plug(ARDUCAM)
    code = "from edge.cameras.v4l2.device import V4l2Device; V4l2Device('/dev/video0').set_control(0x009a0902, 100)"
    done = machine.run([sys.executable, "-c", code])
    assert done.returncode == 1 and "PermissionError" in done.stderr


def test_every_control_is_listed_with_its_range_and_value(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM)
    code = """
from edge.cameras.v4l2.device import V4l2Device
for control in V4l2Device("/dev/video0").controls():
    print(control.id, control.minimum, control.maximum, control.default, control.value, control.inactive, control.name)
"""
    listed = machine.python(code).splitlines()
    assert listed == [
        f"{c.id} {c.minimum} {c.maximum} {c.default} {c.default} {bool(c.needs)} {c.name[:31]}" for c in UVC_CONTROLS
    ]


def control_of(id: int) -> FakeControl:
    return next(control for control in UVC_CONTROLS if control.id == id)
