"""The doctor and the list on real system calls: programs of their own, cameras played by a preload library."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

from tests.edge.cameras.v4l2.fake_v4l2 import ARDUCAM, UVC_CONTROLS, WEBCAM, FakeMachine, machine

__all__ = ["machine"]

SECOND = replace(ARDUCAM, port="1-3", usb={**ARDUCAM.usb, "serial": "UC684-B"})
LIST = "import sys; from edge.run.cli import main; sys.exit(main())"
EXAMINE = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from edge.doctor.cameras import check
print(json.dumps([asdict(finding) for finding in check(sys.argv[1], Path("/"))]))
"""


def examine(machine: FakeMachine, camera: str = "demo") -> dict[str, dict[str, str]]:
    """The findings about cameras, by what they are about; `demo` examines all."""
    return {finding["what"]: finding for finding in json.loads(machine.python(EXAMINE, camera))}


def levels(findings: dict[str, dict[str, str]]) -> dict[str, str]:
    """Those that are not in order, but for the node's group: the test's own."""
    return {
        what: finding["level"]
        for what, finding in findings.items()
        if finding["level"] != "ok" and "access" not in what
    }


def test_a_good_camera_is_found_set_and_watched(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM)
    findings = examine(machine, "arducam")
    assert levels(findings) == {}
    assert "gain 100 (now 0)" in findings["/dev/video0 controls"]["found"]
    assert findings["arducam picture"]["found"].startswith("mean brightness ")
    assert float(findings["arducam rate"]["found"].split()[0]) > 15


def test_what_is_wrong_with_a_camera_is_said(machine: FakeMachine) -> None:
    controls = tuple(replace(control, maximum=60) if control.name == "Gain" else control for control in UVC_CONTROLS)
    machine.plug(replace(ARDUCAM, controls=controls, usb={**ARDUCAM.usb, "speed": "12"}))
    findings = examine(machine)
    assert findings["/dev/video0 USB"]["level"] == "error"
    assert findings["/dev/video0 gain"]["found"] == "takes 0 to 60; arducam_b0200 wants 100"
    assert findings["/dev/video0 opening"]["found"] == "control gain (0x00980913) is 60, not 100"


def test_a_camera_that_another_program_streams_from(machine: FakeMachine) -> None:
    machine.plug(ARDUCAM, 0, "busy")
    findings = examine(machine, "arducam")
    assert findings["arducam pictures"]["level"] == "error"
    assert "another program has it" in findings["arducam pictures"]["found"]


def test_two_equal_cameras(machine: FakeMachine) -> None:
    machine.plug(SECOND, 0)
    machine.plug(ARDUCAM, 2)
    findings = examine(machine, "arducam")
    assert "2 cameras fit arducam_b0200; took UC684 at /dev/video2" in findings["arducam"]["found"]
    assert findings["USB bus 1"]["level"] == "warning"
    assert "/dev/video0" in examine(machine, "arducam@UC684-B")


def test_a_missing_camera_and_what_is_there_instead(machine: FakeMachine) -> None:
    machine.plug(WEBCAM)
    (finding,) = examine(machine, "arducam").values()
    assert finding["level"] == "error"
    assert finding["found"].startswith("arducam_b0200: not connected; found /dev/video0 (HD Webcam, 1-2)")


class TestList:
    def listed(self, machine: FakeMachine, *form: str) -> subprocess.CompletedProcess[str]:
        done = machine.run([sys.executable, "-c", LIST, "--list-cameras", *form])
        assert (done.returncode, done.stderr) == (0, "")
        return done

    def test_each_with_what_to_write_for_it(self, machine: FakeMachine) -> None:
        machine.plug(ARDUCAM)
        machine.plug(WEBCAM, 2)
        machine.plug(SECOND, 4)
        entries = json.loads(self.listed(machine, "json").stdout)
        assert [entry["camera"] for entry in entries] == ["arducam@UC684", "generic_uvc@1-2", "arducam@UC684-B"]
        assert [entry["node"] for entry in entries] == ["/dev/video0", "/dev/video2", "/dev/video4"]
        assert entries[0]["usb_id"] == "0c45:6366"
        assert {"format": "YUYV", "width": 640, "height": 480, "fps": [30, 15, 7.5, 5]} in entries[0]["modes"]

    def test_what_is_written_for_it_finds_it(self, machine: FakeMachine) -> None:
        machine.plug(ARDUCAM)
        machine.plug(WEBCAM, 2)
        machine.plug(SECOND, 4)
        entries = json.loads(self.listed(machine, "json").stdout)
        find = (
            "import sys; from edge.cameras.source import named_profile\n"
            "from edge.cameras.v4l2.sysfs import DeviceFinder\n"
            "for spec in sys.argv[1:]: print(DeviceFinder(*named_profile(spec)).find().path)"
        )
        found = machine.python(find, *(entry["camera"] for entry in entries)).split()
        assert found == [entry["node"] for entry in entries]

    def test_for_people(self, machine: FakeMachine) -> None:
        machine.plug(ARDUCAM)
        text = self.listed(machine).stdout
        assert text.startswith("/dev/video0  Arducam IMX291 B0200\n    --camera  arducam\n")
        assert "    usb       0c45:6366, serial UC684, port 1-1, 480 Mbit/s\n" in text
        assert "    link      /dev/v4l/by-path/platform-usb-0:1-1:1.0-video-index0\n" in text
        assert "    YUYV      640x480 at 30, 320x240 at 30, 1280x720 at 10\n" in text
        assert "    cannot    send raw YUYV above 640x480" in text

    def test_a_camera_that_cannot_be_opened_is_listed_with_the_reason(self, machine: FakeMachine) -> None:
        machine.plug(ARDUCAM, 0, "forbidden")
        assert "    problem   /dev/video0: permission denied" in self.listed(machine).stdout

    def test_none(self, machine: FakeMachine) -> None:
        assert self.listed(machine).stdout.startswith("no camera is here")
