"""The units of every variant, checked by systemd itself; the udev rule; the service's configuration."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.board.profile import board_profile, board_profiles
from edge.cameras.source import camera_source
from edge.deploy.files import write_changed
from edge.deploy.layout import UNIT, Layout
from edge.deploy.plan import MEMORY_MAX, Options, plan
from edge.errors import EXIT_CONFIG, EXIT_USAGE
from edge.run.config import load_settings

FIRMWARE = Path(__file__).parents[2] / "firmware_configs"
RULE = FIRMWARE / "udev" / "70-edge-run.rules"
# systemd-analyze security: 10 is bare. What a variant opens for its hardware or its network costs.
EXPOSURE = {"generic": 1.3, "pi": 1.3, "jetson": 1.6, "ros2": 2.0}

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def image(tmp_path: Path) -> Layout:
    """The root of an image, with as much in it as the unit names."""
    for program in ("opt/ellar-edge/bin/edge-run", "bin/kill", "bin/bash", "bin/sh"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nrobot:x:1000:1000::/home/robot:/bin/sh\n")
    for name in ("sysinit.target", "basic.target", "shutdown.target", "modprobe@.service", "system.slice", "-.slice"):
        text = "[Service]\nExecStart=/bin/kill\n" if name.endswith("service") else "[Unit]\n"
        (tmp_path / "etc/systemd/system" / name).write_text(text)
    return Layout(tmp_path)


def install(image: Layout, variant: str, user: str | None = None, board: str = "generic_arm64") -> None:
    write_changed(plan(Options(board_profile(board), variant=variant, user=user), image))


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def service_of(image: Layout) -> dict[str, str]:
    """The last value of every key of the [Service] sections, drop-ins after the unit."""
    found: dict[str, str] = {}
    for path in (image.unit, *sorted(image.drop_ins.glob("*.conf"))):
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(path.read_text())
        found |= dict(unit["Service"])
    return found


@needs_systemd
@pytest.mark.parametrize("user", [None, "robot"])
@pytest.mark.parametrize("variant", EXPOSURE)
def test_systemd_finds_nothing_wrong_and_little_exposed(variant: str, user: str | None, image: Layout) -> None:
    install(image, variant, user, board="pi5")
    verified = analyze("verify", f"--root={image.root}", UNIT)
    assert (verified.returncode, verified.stderr) == (0, "")  # an unknown key is only a line on stderr
    threshold = round(EXPOSURE[variant] * 10)
    scored = analyze("security", "--offline=true", f"--root={image.root}", f"--threshold={threshold}", UNIT)
    assert scored.returncode == 0, scored.stdout


@needs_systemd
def test_the_checks_can_fail(image: Layout) -> None:
    install(image, "generic")
    image.unit.write_text(image.unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", f"--root={image.root}", UNIT).stderr
    image.unit.write_text(re.sub(r"(?m)^(Restrict|Protect|Private|SystemCall).*$", "", image.unit.read_text()))
    scored = analyze("security", "--offline=true", f"--root={image.root}", "--threshold=20", UNIT)
    assert scored.returncode != 0


def test_every_variant_has_its_limits_and_belongs_to_a_board() -> None:
    assert set(EXPOSURE) == set(MEMORY_MAX)
    assert {profile.variant for profile in board_profiles().values()} == {"generic", "pi", "jetson"}
    assert {path.stem for path in (FIRMWARE / "systemd").glob("*.conf")} == {"pi", "jetson", "ros2"}


@pytest.mark.parametrize("variant", EXPOSURE)
def test_what_every_unit_promises(variant: str, image: Layout) -> None:
    install(image, variant)
    service = service_of(image)
    assert service["RestartPreventExitStatus"].split() == [str(EXIT_USAGE), str(EXIT_CONFIG)]
    assert (service["Type"], service["Slice"], service["DynamicUser"]) == ("notify", "edge.slice", "yes")
    assert service["WatchdogSec"] and service["Restart"] == "on-failure"
    assert "/opt/ellar-edge/bin/edge-run --quiet --config /etc/ellar-edge/edge.yaml" in service["ExecStart"]
    assert "@" not in re.sub(r"modprobe@|@system-service|@privileged|@resources|# .*", "", image.unit.read_text())
    assert f"MemoryMax={MEMORY_MAX[variant]}" in image.slice.read_text()


def test_the_services_configuration_is_valid(image: Layout) -> None:
    install(image, "generic")
    config = load_settings(image.config, {}).config
    assert camera_source(config.camera).live
    assert (config.board, config.store) == ("auto", "/var/lib/ellar-edge/bundles")


def test_the_udev_rule_starts_the_unit_for_capture_nodes() -> None:
    rules = [line for line in RULE.read_text().splitlines() if line and not line.startswith("#")]
    assert len(rules) == 1
    parts = dict(re.findall(r"([^=+,\s]+?)((?:\+?|=)=[^,]+)", rules[0]))
    assert parts["SUBSYSTEM"] == '=="video4linux"' and parts["ATTR{index}"] == '=="0"'
    assert parts["TAG"] == '+="systemd"' and parts["ENV{SYSTEMD_WANTS}"] == f'+="{UNIT}"'
