"""The service on a robot, from its installation to its removal: the tests follow one another, each says what it adds.

Nothing here asserts a time of this machine: the guest is emulated. Its clock counts instructions (tests/vm/machine.py),
so what the service uses of the processor is a count, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from edge.bundles.bundle import Bundle, default_bundle_path
from edge.cameras.profile import camera_profiles
from tests.vm.robot import PROGRAMS, SLICE, UNIT, Message, Robot, is_event, is_prediction

if "VM_ARCH" not in os.environ:
    pytest.skip("needs a virtual machine: make vm-test", allow_module_level=True)

READY_CPU_S = 10.0
STOP_S = 2.0
REPLUGS = 5
SERIAL = "UC684"
OTHER_PORT, OTHER_SERIAL = 1, "UC684-B"
TOO_LITTLE_MEMORY = "24M"  # the interpreter starts, the model does not fit
HARDWARE_WATCHDOG_S = 15  # the most that a Raspberry Pi's can count to
SYSTEMDS_OWN = {"/var/cache/private", "/var/lib/private"}  # where it keeps directories of users that it makes
CONTROLS = {"auto_exposure": "exposure mode", "exposure_time_absolute": "exposure time", "gain": "gain"}

manifest = Bundle.load(default_bundle_path()).manifest
# Answers of a model that has not seen enough: the first one may come nearly an interval late, for which the grid of
# ticks does not move, and the last one half the tolerance before its place in it (edge/recognition/cadence.py).
WARM_UP_TICKS = (manifest.smoothing.warm_up_ms + manifest.cadence.tolerance_ms / 2) / manifest.cadence.interval_ms + 2


@pytest.fixture(autouse=True)
def from_here(robot: Robot) -> None:
    robot.journal.read()


@pytest.fixture(scope="module")
def files_before(robot: Robot) -> set[str]:
    """Our package is there, the service is not."""
    robot.install_package()
    return robot.files()


def by_id(serial: str) -> str:
    """The link that udev makes for a virtual Arducam."""
    return f"/dev/v4l/by-id/usb-Arducam_Technology_Co.__Ltd._Arducam_USB_Camera_{serial}-video-index0"


def predictions(messages: list[Message]) -> list[Message]:
    return [message for message in messages if is_prediction(message)]


def events(messages: list[Message]) -> list[str]:
    return [message["event"] for message in messages if message["type"] == "event"]


def since(event: str, messages: list[Message]) -> list[Message]:
    """What was said after an event."""
    return messages[next(n for n, message in enumerate(messages) if is_event(event)(message)) + 1 :]


def before(event: str, messages: list[Message]) -> list[Message]:
    """What was said until an event."""
    return messages[: next(n for n, message in enumerate(messages) if is_event(event)(message))]


def is_warm(message: Message) -> bool:
    """An answer of a model that has seen enough."""
    return is_prediction(message) and message["reason"] != "warming_up"


def lose(robot: Robot, do: str) -> list[Message]:
    """Unplug or stall the camera; what the service said up to the loss."""
    robot.camera(do)
    return robot.journal.until("camera_lost", is_event("camera_lost"))


def check_recovery(robot: Robot, lost: list[Message]) -> None:
    """The camera is there again: no answer without it, the first one from its first frames, warm within the warm-up."""
    messages = lost + robot.journal.until("camera_back", is_event("camera_back"))
    messages += robot.journal.until("an answer after the warm-up", is_warm)
    assert not predictions(before("camera_back", since("camera_lost", messages)))
    back = since("camera_back", messages)
    assert "camera_lost" not in events(back)
    # The first picture is compared with nothing; after it every other one may lie between two ticks.
    assert predictions(back)[0]["sequence"] <= 4
    assert sum(not is_warm(answer) for answer in predictions(back)) <= WARM_UP_TICKS


STOPPED_WHILE: dict[str, Callable[[Robot], object]] = {
    "it predicts": lambda robot: None,
    "the camera has just stalled": lambda robot: robot.camera("stall"),
    "the camera is stalled": lambda robot: lose(robot, "stall"),
    "the camera is away": lambda robot: lose(robot, "unplug"),
}


def test_without_a_camera_it_waits_in_good_health(robot: Robot, files_before: set[str]) -> None:
    robot.say_everything()
    assert UNIT in robot.service("install", "--camera", "arducam")
    assert robot.wait_until_active()["NRestarts"] == "0"
    assert robot.properties("Type") == {"Type": "notify"}
    messages = robot.journal.until("camera_lost", is_event("camera_lost"))
    assert events(messages)[:2] == ["started", "camera_lost"]
    assert not predictions(messages)


def test_installing_again_changes_nothing(robot: Robot) -> None:
    running = robot.properties("MainPID")
    assert "nothing changed" in robot.service("install", "--camera", "arducam")
    assert robot.properties("MainPID") == running


def test_nothing_of_it_runs_as_root(robot: Robot) -> None:
    assert robot.users() and 0 not in robot.users()


def test_the_camera_that_is_plugged_in_starts_it(robot: Robot) -> None:
    robot.check("systemctl", "stop", UNIT)
    robot.camera("plug")
    used_s = int(robot.wait_until_active()["CPUUsageNSec"]) / 1e9
    print(f"from its start to READY: {used_s:.2f} s of the guest's processor")
    assert used_s < READY_CPU_S
    messages = robot.journal.until("a prediction", is_prediction)
    assert "camera_lost" not in events(since("started", messages))
    robot.check("udevadm", "wait", "--timeout=60", by_id(SERIAL))


def test_the_camera_is_set_up_as_its_profile_says(robot: Robot) -> None:
    state, profile = robot.camera("state"), camera_profiles()["arducam_b0200"]
    mode, wanted = state["mode"], profile.modes[0]
    assert (mode["format"], mode["width"], mode["height"]) == (wanted.format, wanted.width, wanted.height)
    values = {control.name: control.value for control in profile.controls}
    assert {name: state["controls"][ours] for name, ours in CONTROLS.items()} == {
        name: values[name] for name in CONTROLS
    }


def test_it_names_what_it_sees(robot: Robot) -> None:
    messages = robot.journal.until("a label", lambda message: is_prediction(message) and message["label"])
    answers = predictions(messages)
    assert {answer["label"] for answer in answers} <= {*manifest.labels, None}
    sequence = [answer["sequence"] for answer in answers]
    assert sequence == sorted(set(sequence))
    assert robot.wait_for("STATUS", lambda found: "/s" in found["StatusText"], "StatusText")
    assert "active (running)" in robot.service("status")


def test_the_doctor_finds_nothing_wrong(robot: Robot) -> None:
    findings = robot.doctor()
    assert not [finding for finding in findings if finding["level"] == "error"]
    assert {"system", "engine", "model", "camera"} <= {finding["area"] for finding in findings}


@pytest.mark.parametrize("time", range(1, REPLUGS + 1))
def test_replugged_it_recovers(robot: Robot, time: int) -> None:
    running = robot.properties("MainPID", "NRestarts")
    lost = lose(robot, "unplug")
    robot.camera("plug")
    check_recovery(robot, lost)
    assert robot.properties("MainPID", "NRestarts") == running


def test_the_camera_comes_back_with_another_size(robot: Robot) -> None:
    lost = lose(robot, "unplug")
    robot.camera("plug", size=[320, 240])
    check_recovery(robot, lost)
    mode = robot.camera("state")["mode"]
    assert (mode["width"], mode["height"]) == (320, 240)


def test_a_camera_that_stalls_is_lost_until_it_delivers_again(robot: Robot) -> None:
    lost = lose(robot, "stall")
    robot.camera("resume")
    check_recovery(robot, lost)


def test_of_two_equal_cameras_it_keeps_its_own(robot: Robot) -> None:
    robot.camera("plug", OTHER_PORT, serial=OTHER_SERIAL)
    robot.check("udevadm", "wait", "--timeout=60", by_id(OTHER_SERIAL))
    robot.check("systemctl", "restart", UNIT)  # it meets both
    messages = robot.journal.until("a prediction", is_prediction)
    assert OTHER_SERIAL in "".join(message["message"] for message in messages if message.get("event") == "camera_note")
    lost = lose(robot, "unplug")
    frames = robot.camera("state", OTHER_PORT)["frames"]
    robot.camera("plug")
    check_recovery(robot, lost)
    assert robot.camera("state", OTHER_PORT)["frames"] == frames == 0
    robot.camera("unplug", OTHER_PORT)


def test_vivid_beside_it_is_left_alone_and_can_be_used(robot: Robot) -> None:
    robot.check("modprobe", "vivid", "n_devs=1", "node_types=0x1")
    node = robot.check("sh", "-c", "grep -l vivid /sys/class/video4linux/video*/name").split("/")[4]
    command = (f"{PROGRAMS}/edge-run", "--camera", f"/dev/{node}", "--max-frames", "40", "--quiet")
    lines = robot.lines(*command)
    assert len(predictions(lines)) >= 10
    assert events(lines)[-1] == "stopped"
    robot.check("modprobe", "-r", "vivid")
    assert "camera_lost" not in events(robot.journal.until("a prediction", is_prediction))


def test_a_service_that_hangs_is_replaced(robot: Robot) -> None:
    running = robot.properties("MainPID", "NRestarts")
    robot.check("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
    found = robot.wait_for("a restart", lambda now: now["NRestarts"] != running["NRestarts"], "NRestarts")
    assert int(found["NRestarts"]) == int(running["NRestarts"]) + 1
    assert robot.wait_until_active()["MainPID"] != running["MainPID"]
    assert any("Watchdog timeout" in line for line in robot.journal.systemds())
    robot.journal.until("a prediction", is_prediction)


def memory_kills(robot: Robot) -> int:
    """The kernel's own count, in the slice, which outlives the service's runs.

    systemd 252 tells of the first only: it compares the count of the new run's cgroup, which begins at 0, with what it
    remembers of the one before, finds no increase, and calls the second kill a `signal`.
    """
    events = robot.check("cat", f"/sys/fs/cgroup/{SLICE}/memory.events")
    return int(dict(line.split() for line in events.splitlines())["oom_kill"])


def restarts(robot: Robot) -> int:
    return int(robot.properties("NRestarts")["NRestarts"])


@dataclass(frozen=True)
class Before:
    """Counts of the time before the limit: the service is too large for it and is killed the moment it is set."""

    restarts: int
    kills: int


@pytest.fixture
def little_memory(robot: Robot) -> Iterator[Before]:
    before = Before(restarts(robot), memory_kills(robot))
    usual = robot.check("systemctl", "show", SLICE, "--property", "MemoryMax", "--value").strip()
    robot.check("systemctl", "set-property", "--runtime", SLICE, f"MemoryMax={TOO_LITTLE_MEMORY}")
    yield before
    robot.check("systemctl", "set-property", "--runtime", SLICE, f"MemoryMax={usual}")


def test_too_much_memory_kills_it_and_it_comes_again(robot: Robot, little_memory: Before) -> None:
    enough = little_memory.restarts + 2
    robot.wait_for("two restarts", lambda now: int(now["NRestarts"]) >= enough, "NRestarts")
    assert memory_kills(robot) >= little_memory.kills + 2
    assert any("Failed with result 'oom-kill'" in line for line in robot.journal.systemds())


def test_with_its_memory_back_it_runs_again(robot: Robot) -> None:
    robot.journal.until("a prediction", is_prediction)


@pytest.mark.parametrize("state", STOPPED_WHILE)
def test_stopped_it_says_so_and_ends_well(robot: Robot, state: str) -> None:
    robot.camera("resume")
    robot.check("systemctl", "start", UNIT)
    robot.journal.until("a prediction", is_prediction)
    STOPPED_WHILE[state](robot)
    robot.check("systemctl", "stop", UNIT)
    assert events(robot.journal.read())[-1] == "stopped"
    found = robot.properties("ActiveState", "Result", "ExecMainCode", "ExecMainStatus")
    exited = {"ExecMainCode": "1", "ExecMainStatus": "0"}  # CLD_EXITED: not killed
    assert found == {"ActiveState": "inactive", "Result": "success", **exited}
    times = robot.properties("ActiveExitTimestampMonotonic", "InactiveEnterTimestampMonotonic")
    took_s = (int(times["InactiveEnterTimestampMonotonic"]) - int(times["ActiveExitTimestampMonotonic"])) / 1e6
    print(f"{state}: stopped in {took_s:.2f} s of the guest's clock")
    assert took_s < STOP_S


def test_the_hardware_watchdog_resets_a_dead_system_and_the_service_is_there_again(robot: Robot) -> None:
    robot.check("modprobe", "i6300esb")
    robot.check("mkdir", "-p", "/run/systemd/system.conf.d")  # gone with the reset
    setting = f"[Manager]\nRuntimeWatchdogSec={HARDWARE_WATCHDOG_S}\n"
    robot.check("tee", "/run/systemd/system.conf.d/watchdog.conf", stdin=setting)
    robot.check("systemctl", "daemon-reexec")
    assert robot.check("cat", "/sys/class/watchdog/watchdog0/state").strip() == "active"
    robot.check("sync")
    boot = robot.machine.boot_id
    robot.check("sh", "-c", "kill -SEGV 1")  # it freezes, as it does whenever it crashes
    assert robot.machine.wait_for_watchdog() == "reset"
    assert robot.machine.wait_for_boot() != boot
    robot.journal = type(robot.journal)(robot.machine)
    robot.wait_until_active()
    robot.camera("plug")
    robot.journal.until("a prediction", is_prediction)
    robot.check("rm", "-f", "/core")  # systemd's own, of its crash


def test_uninstalled_it_leaves_no_file(robot: Robot, files_before: set[str]) -> None:
    robot.service("uninstall")
    assert robot.properties("LoadState") == {"LoadState": "not-found"}
    left = robot.files() - files_before - SYSTEMDS_OWN
    assert not [path for path in left if not path.startswith("/var/lib/systemd/")]
    assert "ellar" not in robot.check("sh", "-c", "ls /run /run/private 2>/dev/null; cat /etc/passwd")
