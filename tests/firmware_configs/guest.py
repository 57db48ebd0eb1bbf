"""Runs in the container (see container.py): what a user does with the service, and what follows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SERVICE = "/opt/ellar-edge/bin/edge-service"
TAIL = "/opt/ellar-edge/bin/edge-tail"
SOCKET = "/run/ellar-edge/events.sock"
UNIT = "edge-run.service"
REPORT = Path("/srv/out/report.json")
CONFIG = Path("/etc/ellar-edge/edge.yaml")
CONFIGURATION = f"""camera: file:/srv/clip
realtime: true
store: /var/lib/ellar-edge/bundles
socket: {SOCKET}
# mine
"""
PATIENCE_S = 90.0
# The real unit but for these: its restart limit is minutes away, every prediction shall be seen, and a test machine may
# be too busy to stop a service as quickly as a robot.
QUICK = "[Unit]\nStartLimitBurst=4\n[Service]\nTimeoutStopSec=30\nRestartSec=100ms\nLogLevelMax=debug\n"
# By the state that they bring about; the second one opens, and no picture ever comes.
CAMERAS = {"missing": "arducam", "stalled": "'gst:videotestsrc is-live=true ! valve drop=true'"}
VARIANTS = ("pi", "jetson", "ros2")  # the rest of the story has the generic one
ROS_SETUP = Path("/opt/ros/test/setup.bash")
THERMAL = Path("/srv/thermal")  # in the place of this machine's own zones
ZONE = {"type": "cpu-thermal", "trip_point_0_type": "passive", "trip_point_0_temp": "80000", "temp": "50000"}
PROPERTIES = (
    "ActiveState,SubState,StatusText,Result,NRestarts,MainPID,ExecMainStatus,ExecMainCode,Slice,DynamicUser,"
    "NotifyAccess,InvocationID,Nice,CPUUsageNSec"
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def service(*arguments: str) -> dict[str, Any]:
    done = run(SERVICE, *arguments)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def show() -> dict[str, str]:
    text = run("systemctl", "show", UNIT, "--property", PROPERTIES).stdout
    return dict(line.split("=", 1) for line in text.splitlines())


def stop() -> dict[str, str]:
    run("systemctl", "stop", UNIT)
    return show()


def wait_until(holds: Callable[[dict[str, str]], bool]) -> dict[str, str]:
    """The first state in which it holds; the last one seen, where that never comes."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds(found := show()) and time.monotonic() < end_s:
        time.sleep(0.1)
    return found


def predicts(found: dict[str, str]) -> bool:
    return found["ActiveState"] == "active" and "ticks/s" in found["StatusText"]


def entries() -> list[dict[str, Any]]:
    """The service's own journal entries."""
    text = run("journalctl", "--unit", UNIT, "--output", "json").stdout
    return [entry for entry in map(json.loads, text.splitlines()) if "EDGE_TYPE" in entry]


def files() -> list[str]:
    """Everything that an installation might leave, but what systemd keeps for itself."""
    tops = ("/etc", "/var", "/run", "/opt/ellar-edge/bin")
    own = (
        "/run/systemd",
        "/var/log",
        "/run/log",
        "/var/tmp",
        "/run/credentials",
        "/run/agetty.reload",
        "/var/lib/systemd",
        "/run/udev",
    )
    found = (str(path) for top in tops for path in Path(top).rglob("*"))
    return sorted(path for path in found if not path.startswith(own))


def identity(pid: str) -> dict[str, Any]:
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    return {"uids": status["Uid"].split(), "capabilities": status["CapEff"], "no_new_privileges": status["NoNewPrivs"]}


def thermal_zone() -> None:
    """A processor whose heat is ours to set; every profile of a generic board has a zone of this name."""
    zone = THERMAL / "thermal_zone0"
    zone.mkdir(parents=True)
    for name, text in ZONE.items():
        (zone / name).write_text(text)
    subprocess.run(["mount", "--bind", str(THERMAL), "/sys/class/thermal"], check=True)


def heat(celsius: float) -> None:
    (THERMAL / "thermal_zone0" / "temp").write_text(f"{celsius * 1e3:.0f}")


def variant(name: str) -> dict[str, Any]:
    """Install it, wait until it predicts; ROS is what its setup puts into the environment."""
    ROS_SETUP.parent.mkdir(parents=True, exist_ok=True)
    ROS_SETUP.write_text("export ROS_DISTRO=test\n")
    before = show()["MainPID"]
    installed = service("install", "--variant", name)
    found = wait_until(lambda found: predicts(found) and found["MainPID"] != before)
    environment = Path(f"/proc/{found['MainPID']}/environ").read_text().split("\0")
    return {**found, "install": installed, "ros": "ROS_DISTRO=test" in environment, "before": before}


def story(report: dict[str, Any]) -> None:
    thermal_zone()
    report["before"] = files()
    CONFIG.parent.mkdir()
    CONFIG.write_text(
        f"camera: file:/srv/clip\nrealtime: true\nstore: /var/lib/ellar-edge/bundles\nsocket: {SOCKET}\n# mine\n"
    )
    quick = Path(f"/etc/systemd/system/{UNIT}.d/quick.conf")
    quick.parent.mkdir(parents=True)
    quick.write_text(QUICK)

    report["install"] = service("install")
    report["running"] = found = wait_until(predicts)
    report["identity"] = identity(found["MainPID"])
    report["socket"] = run("stat", "--format", "%a %U:%G", SOCKET).stdout.strip()
    report["tail"] = run("sh", "-c", f"{TAIL} --socket {SOCKET} | head -n 3").stdout.splitlines()
    report["again"] = service("install")
    report["bad_model"] = service("install", "--model", "/srv/bad")
    report["after_bad_model"] = show()
    report["config"] = CONFIG.read_text()
    report["status"] = service("status")

    report["update"] = service("update", "/srv/other")
    report["bad_update"] = service("update", "/srv/bad")
    report["updated"] = service("status")
    report["rollback"] = service("rollback")
    report["after_updates"] = wait_until(predicts)
    heat(90.0)
    report["hot"] = wait_until(lambda found: "working less" in found["StatusText"])
    report["resting"] = wait_until(lambda found: "resting" in found["StatusText"])
    heat(50.0)
    report["entries"] = entries()

    os.kill(int(show()["MainPID"]), signal.SIGSTOP)
    report["hung"] = wait_until(lambda found: found["NRestarts"] == "1")
    report["after_hanging"] = wait_until(predicts)
    report["watchdog"] = run("journalctl", "--unit", UNIT, "--output", "cat", "--grep", "[Ww]atchdog").stdout

    report["stopped"] = {"predicting": stop()}
    for state, camera in CAMERAS.items():
        CONFIG.write_text(f"camera: {camera}\n")
        run("systemctl", "start", UNIT)
        report[state] = wait_until(lambda found: "camera lost" in found["StatusText"])
        report["stopped"][state] = stop()

    run("systemctl", "reset-failed", UNIT)
    CONFIG.write_text("camra: demo\n")
    run("systemctl", "start", UNIT)
    time.sleep(1)
    report["wrong_config"] = show()

    run("systemctl", "reset-failed", UNIT)
    CONFIG.write_text("camera: file:/srv/none\n")
    run("systemctl", "start", UNIT)
    report["restart_limit"] = wait_until(lambda found: found["ActiveState"] == "failed")

    run("systemctl", "reset-failed", UNIT)
    CONFIG.write_text("camera: file:/srv/clip\nrealtime: true\n")
    report["own_user"] = service("install", "--user", "robot")
    report["as_own_user"] = identity(wait_until(predicts)["MainPID"])
    report["variants"] = {name: variant(name) for name in VARIANTS}

    quick.unlink()
    report["uninstall"] = service("uninstall")
    report["after"] = files()
    report["uninstall_again"] = service("uninstall")


def main() -> None:
    report: dict[str, Any] = {}
    try:
        story(report)
    except Exception:
        report["failed"] = traceback.format_exc()
    REPORT.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
