"""What `edge-service` does not touch, read or show: places outside of `--root`, what a service left, passwords."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.deploy.layout import Layout
from edge.deploy.record import read_record
from tests.edge.conftest import ROOT
from tests.edge.deploy.test_cli import files, root, service  # noqa: F401  (a fixture)

EDGE_SERVICE = [sys.executable, "-c", "import sys; from edge.deploy.cli import main; sys.exit(main())"]
EDGE_YAML = "etc/ellar-edge/edge.yaml"
SECRET = "rtsp://eve:hush@robot/eye?key=hush2"


def edge_service(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*EDGE_SERVICE, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's own `/var`, `/etc`, which links of an image lead to."""
    place = tmp_path_factory.mktemp("foreign")
    for name in ("lib/ellar-edge/bundles/versions/000001-0000000000000000", "cache/ellar-edge", "systemd/system"):
        (place / name).mkdir(parents=True)
        (place / name / "kept").write_text("mine")
    (place / "lib/ellar-edge/bundles/current").symlink_to("versions/000001-0000000000000000")
    (place / "edge.yaml").write_text("camera: arducam\n")
    (place / "passwd").write_text("robot:x:1000:1000::/:/bin/sh\n")
    return place


@pytest.mark.parametrize("link", ["var", "var/lib", "var/lib/ellar-edge", "etc/systemd", "var/lib/ellar-edge/bundles"])
@pytest.mark.parametrize("relative", [False, True])
def test_no_command_leaves_the_image(
    link: str,
    relative: bool,
    root: Path,  # noqa: F811
    foreign: Path,
    tiny_bundle: Path,
) -> None:
    inside = {"etc/systemd": "systemd", "var": ""}.get(link, link.removeprefix("var/"))
    target = foreign / inside
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(os.path.relpath(target, (root / link).parent) if relative else target)
    before = files(foreign)
    for command in (
        ["install"],
        ["status"],
        ["update", tiny_bundle],
        ["rollback"],
        ["install", "--camera", "brio", "--model", tiny_bundle],
        ["uninstall", "--dry-run"],
        ["uninstall"],
    ):
        done = edge_service(command[0], "--root", root, *command[1:])
        assert "Traceback" not in done.stderr, done.stderr
        assert str(foreign) not in done.stdout.replace(str(root) + str(foreign), "")
        assert files(foreign) == before, command
    assert not Layout(root).unit.exists()


def test_links_inside_an_image_are_followed_as_it_would(root: Path) -> None:  # noqa: F811
    """Images keep what is written on a partition of its own: /var -> /data/var."""
    (root / "data/var").mkdir(parents=True)
    (root / "var").symlink_to("/data/var")
    (root / "etc/ellar-edge").mkdir()
    (root / EDGE_YAML).symlink_to("../../../../../../../../../../data/edge.yaml")
    (root / "data/edge.yaml").write_text("camera: arducam # mine\n")
    assert service(root, "install", "--camera", "brio") == 0
    assert (root / "data/edge.yaml").read_text() == "camera: brio\n" and (root / EDGE_YAML).is_symlink()
    assert (root / "data/var/lib/ellar-edge/bundles").is_dir()
    assert service(root, "uninstall") == 0
    assert not (root / "data/var/lib/ellar-edge").exists() and (root / "data/edge.yaml").exists()


def test_links_in_a_circle_are_an_error(root: Path) -> None:  # noqa: F811
    (root / "var").symlink_to("/var/lib")
    done = edge_service("install", "--root", root)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1) and "circle" in done.stderr


@pytest.mark.parametrize("entry", ["versions", "versions/000001-0123456789abcdef", "current"])
def test_a_store_with_links_to_elsewhere_is_refused(
    entry: str,
    root: Path,  # noqa: F811
    foreign: Path,
    tiny_bundle: Path,
) -> None:
    assert service(root, "install") == 0
    path = Layout(root).store / entry
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(foreign / "lib")
    before = files(foreign)
    for command in (["update", tiny_bundle], ["rollback"], ["status"]):
        done = edge_service(command[0], "--root", root, *command[1:])
        assert (done.returncode, "link" in done.stderr) == (78, True), done.stderr
    assert files(foreign) == before


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_configuration_keeps_its_mode_and_owner(mode: int, root: Path) -> None:  # noqa: F811
    assert service(root, "install") == 0
    config = root / EDGE_YAML
    config.chmod(mode)
    if os.geteuid() == 0:
        os.chown(config, 0, 44)
    before = config.stat()
    assert service(root, "install", "--camera", "brio") == 0
    after = config.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert "camera: brio" in config.read_text() and after.st_ino != before.st_ino


@pytest.mark.parametrize("installed", [False, True])
def test_a_dry_run_shows_no_password(installed: bool, root: Path) -> None:  # noqa: F811
    arguments = ["--root", root, "--variant", "ros2", "--camera", SECRET]
    if installed:
        assert edge_service("install", *arguments).returncode == 0
        assert SECRET in (root / EDGE_YAML).read_text()
    done = edge_service("install", "--dry-run", *arguments[: 6 if not installed else 4])
    assert (
        done.returncode == 0 and "rtsp://***@robot/eye?***" in done.stdout and "hush" not in done.stdout + done.stderr
    )


def test_what_a_service_says_is_read(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps({"bundle": "b", "digest": "d", "other": 1}))
    record = read_record(tmp_path / "bundle.json")
    assert record.said == {"bundle": "b", "digest": "d"} and record.written_ns > 0


def test_roots_eyes_take_nothing_unchecked(root: Path, foreign: Path) -> None:  # noqa: F811
    """/run/ellar-edge belongs to the service's user, who may be anybody by now."""
    assert service(root, "install") == 0
    record = Layout(root).running
    record.parent.mkdir(parents=True)

    def status() -> str:
        done = edge_service("status", "--root", root)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    for data in (b"[" * 100_000, b"\xff", b"[]", b'{"bundle": 3, "digest": []}', b"{}", b"x" * 2_000_000, b"9" * 5000):
        record.write_bytes(data)
        assert "runs" not in status()
    record.unlink()
    (foreign / "shadow").write_text(json.dumps({"bundle": "root's", "digest": "secret"}))
    record.symlink_to(foreign / "shadow")
    assert "secret" not in status()
    record.unlink()
    os.mkfifo(record)
    assert "runs" not in status()
    record.unlink()
    record.write_text(json.dumps({"bundle": "\x1b]0;mine\x07a\nREADY", "digest": "d" * 64, "error": "e" * 10_000}))
    said = status()
    assert "\x1b" not in said and "\nREADY" not in said and max(map(len, said.splitlines())) < 600
