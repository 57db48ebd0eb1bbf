"""The unit, checked by systemd itself; the udev rule; the service's configuration."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cameras import camera_source
from edge.config import load_settings
from edge.errors import EXIT_CONFIG, EXIT_USAGE

FIRMWARE = Path(__file__).parents[2] / "firmware_configs"
UNIT = FIRMWARE / "systemd" / "edge-run.service"
RULE = FIRMWARE / "udev" / "70-edge-run.rules"

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def installed_unit(tmp_path: Path) -> Path:
    """A copy whose program exists: `verify` looks for it."""
    path = tmp_path / UNIT.name
    path.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text()))
    return path


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@needs_systemd
def test_systemd_finds_nothing_wrong(installed_unit: Path) -> None:
    done = analyze("verify", installed_unit)
    assert (done.returncode, done.stderr) == (0, "")  # an unknown key is only a line on stderr


@needs_systemd
def test_the_check_can_fail(installed_unit: Path) -> None:
    installed_unit.write_text(installed_unit.read_text().replace("WatchdogSec=", "WatchdogSecs="))
    assert "WatchdogSecs" in analyze("verify", installed_unit).stderr


@needs_systemd
def test_its_exposure_is_low(installed_unit: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=20", installed_unit)
    assert done.returncode == 0, done.stdout


def test_errors_that_a_restart_cannot_mend_are_not_restarted() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text())
    assert unit["Service"]["RestartPreventExitStatus"].split() == [str(EXIT_USAGE), str(EXIT_CONFIG)]


def test_the_services_configuration_is_valid() -> None:
    config = load_settings(FIRMWARE / "systemd" / "edge.yaml", {}).config
    assert camera_source(config.camera).live


def test_the_udev_rule_starts_the_unit_for_capture_nodes() -> None:
    rules = [line for line in RULE.read_text().splitlines() if line and not line.startswith("#")]
    assert len(rules) == 1
    parts = dict(re.fullmatch(r"([^=+]+?)((?:\+?|=)=.+)", part.strip()).groups() for part in rules[0].split(","))  # type: ignore[union-attr]
    assert parts["SUBSYSTEM"] == '=="video4linux"' and parts["ATTR{index}"] == '=="0"'
    assert parts["TAG"] == '+="systemd"' and parts["ENV{SYSTEMD_WANTS}"] == f'+="{UNIT.name}"'
