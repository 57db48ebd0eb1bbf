"""`edge-service` on the root of an image: what it writes, keeps, refuses and removes."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge.bundles.bundle import Bundle, write_bundle
from edge.bundles.store import BundleStore
from edge.deploy.cli import main
from edge.deploy.layout import Layout
from edge.errors import EXIT_CONFIG
from edge.run.config import load_settings
from tests.edge.bundles.test_store import run_until


@pytest.fixture
def root(tmp_path: Path) -> Path:
    program = tmp_path / "opt/ellar-edge/bin/edge-run"
    program.parent.mkdir(parents=True)
    program.write_text("#!/opt/ellar-edge/bin/python\n")
    program.chmod(0o755)
    program.with_name("python").touch()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nrobot:x:1000:1000::/:/bin/sh\n")
    tree = tmp_path / "proc/device-tree"
    tree.mkdir(parents=True)
    (tree / "compatible").write_text("raspberrypi,5-model-b\0brcm,bcm2712\0")
    return tmp_path


def files(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): "-> " + str(path.readlink())
        if path.is_symlink()
        else path.read_bytes().decode(errors="backslashreplace")
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def service(root: Path, command: str, *arguments: object) -> int:
    return main([command, "--root", str(root), *map(str, arguments)])


def test_an_image_of_a_pi(root: Path) -> None:
    before = files(root)
    assert service(root, "install") == 0
    written = {name: text for name, text in files(root).items() if name not in before}
    assert set(written) == {
        "etc/systemd/system/edge-run.service",
        "etc/systemd/system/edge-run.service.d/10-pi.conf",
        "etc/systemd/system/edge.slice",
        "etc/systemd/system/multi-user.target.wants/edge-run.service",
        "etc/udev/rules.d/70-edge-run.rules",
        "etc/ellar-edge/edge.yaml",
    }
    unit = written["etc/systemd/system/edge-run.service"]
    assert "ExecStart=/opt/ellar-edge/bin/edge-run " in unit and "CPUAffinity=2 3\n" in unit and "Nice=5\n" in unit
    assert str(root) not in "".join(written.values())
    link = written["etc/systemd/system/multi-user.target.wants/edge-run.service"]
    assert link == "-> /etc/systemd/system/edge-run.service"
    assert (root / "var/lib/ellar-edge/bundles").is_dir()


def test_again_it_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service(root, "install")
    before = files(root)
    capsys.readouterr()
    assert service(root, "install") == 0
    assert files(root) == before and "nothing changed" in capsys.readouterr().out


def test_a_dry_run_prints_everything_and_writes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(root)
    assert service(root, "install", "--dry-run", "--camera", "brio") == 0
    assert files(root) == before
    out = capsys.readouterr().out
    assert "edge-run.service.d/10-pi.conf" in out and "    camera: brio" in out and "link " in out


def test_options_change_their_keys_in_the_users_configuration_and_nothing_else(root: Path) -> None:
    service(root, "install", "--camera", "arducam")
    config = Layout(root).config
    config.write_text("# my robot\ncamera: demo  # for now\nthreads: 2\n")
    service(root, "install")
    assert config.read_text() == "# my robot\ncamera: demo  # for now\nthreads: 2\n"
    service(root, "install", "--camera", "2", "--board", "pi4")
    assert config.read_text() == "# my robot\ncamera: '2'\nthreads: 2\nboard: pi4\n"
    assert load_settings(config, {}).config.camera == "2"


def test_another_variant_replaces_the_first_one(root: Path) -> None:
    service(root, "install")
    service(root, "install", "--variant", "ros2", "--user", "robot")
    drop_ins = Layout(root).drop_ins
    assert [path.name for path in drop_ins.iterdir()] == ["10-ros2.conf"]
    unit = Layout(root).unit.read_text()
    assert "User=robot\n" in unit and "DynamicUser" not in unit


def test_removal_leaves_nothing_even_of_what_came_later(root: Path) -> None:
    before = files(root)
    service(root, "install")
    layout = Layout(root)
    (layout.drop_ins / "override.conf").write_text("[Service]\nNice=0\n")
    (layout.store / "versions").mkdir()
    outside = root / "outside"
    outside.mkdir()
    (outside / "kept").write_text("mine")
    cache = root / "var/cache/ellar-edge"
    cache.parent.mkdir(parents=True)
    cache.symlink_to(outside)
    assert service(root, "uninstall") == 0
    assert files(root) == {**before, "outside/kept": "mine"}
    assert service(root, "uninstall") == 0


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_killed_at_any_step_it_can_be_mended_or_removed(command: str, root: Path) -> None:
    before = files(root)
    service(root, "install")
    expected = files(root) if command == "install" else before
    service(root, "uninstall")
    fork = multiprocessing.get_context("fork")
    for step in range(1, 1000):
        process = fork.Process(target=run_until, args=(step, lambda: service(root, "install")))
        process.start()
        process.join(60)
        assert service(root, command) == 0
        assert files(root) == expected, f"killed at step {step}"
        service(root, "uninstall")
        if process.exitcode == 0:
            break
    assert process.exitcode == 0 and step > 20


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--user", "root"], 2, "the service never runs as root"),
        (["--user", "toor"], 2, "the service never runs as root"),
        (["--user", "nobody-here"], 2, "no such user"),
        (["--user", "a b"], 2, "expected the name of a user"),
        (["--camera", "arducm"], 2, "unknown camera 'arducm'"),
        (["--camera", "own.yaml"], 2, "expected an absolute path"),
        (["--camera", "file:clip.mp4"], 2, "expected an absolute path"),
        (["--camera", "/etc/none.yaml"], 78, "etc/none.yaml: expected a file or folder, found nothing"),
        (["--camera", "/home/pi/own.yaml@2"], 78, "home/pi/own.yaml: the service's user cannot read it"),
        (["--camera", "/opt/closed.yaml"], 78, "opt/closed.yaml: the service's user cannot read it"),
        (["--camera", "/etc/passwd.yaml"], 78, "etc/passwd.yaml: expected `key: value` lines"),
        (["--camera", "rtsp://user:secret@robot/eye"], 2, "an address needs a network, and the service has none"),
        (["--board", "pi3"], 2, "unknown board 'pi3'"),
        (["--program", "edge-run"], 2, "expected an absolute path"),
        (["--program", "/opt/my robot/edge-run"], 2, "systemd cannot take blanks"),
        (["--program", "/opt/none"], 78, "expected the program edge-run, found none"),
        (["--program", "/home/pi/env/bin/edge-run"], 78, "the service's user cannot read it"),
        (["--program", "/tmp/edge-run"], 78, "the service's user cannot read it"),
        (["--program", "/opt/closed/edge-run"], 78, "the service's user cannot read it"),
        (["--program", "/opt/homely/edge-run"], 78, "/home/pi/env/bin/python: the service's user cannot read it"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    arguments: list[str], code: int, message: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, python in (
        ("home/pi/env/bin", "/usr/bin"),
        ("opt/closed", "/usr/bin"),
        ("tmp", "/usr/bin"),
        ("opt/homely", "/home/pi/env/bin"),
    ):
        program = root / folder / "edge-run"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!{python}/python\n")
        program.chmod(0o755)
    (root / "opt/closed").chmod(0o700)
    for name, mode in (("home/pi/own.yaml", 0o644), ("opt/closed.yaml", 0o600), ("etc/passwd.yaml", 0o644)):
        (root / name).write_text("no profile")
        (root / name).chmod(mode)
    before = files(root)
    assert service(root, "install", *arguments) == code
    error = capsys.readouterr().err
    assert message in error and "secret" not in error
    assert files(root) == before


def test_a_camera_profile_of_the_users_own(root: Path) -> None:
    own = root / "etc/ellar-edge/own.yaml"
    own.parent.mkdir()
    own.write_text((Path(__file__).parents[3] / "firmware_configs/cameras/brio_4k.yaml").read_text())
    assert service(root, "install", "--camera", "/etc/ellar-edge/own.yaml@1-2") == 0
    assert load_settings(Layout(root).config, {}).config.camera == "/etc/ellar-edge/own.yaml@1-2"


def test_an_address_where_the_service_has_a_network(root: Path) -> None:
    assert service(root, "install", "--variant", "ros2", "--camera", "rtsp://robot/eye") == 0


def test_an_image_has_to_be_told_its_board(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "proc/device-tree/compatible").unlink()
    assert service(root, "install") == 2
    assert "--board " in capsys.readouterr().err
    assert service(root, "install", "--board", "pi4") == 0


@pytest.mark.parametrize(
    ("text", "arguments", "code", "message"),
    [
        (b"camera: [", [], 78, "is not YAML"),
        (b"\xff\xfe", [], 78, "expected UTF-8"),
        (b"camra: demo", [], 78, "did you mean 'camera'?"),
        (b"board: pi3", [], 2, "unknown board 'pi3'"),
        (b"camera: own.yaml", [], 2, "expected an absolute path"),
        (b"{camera: demo}", ["--camera", "brio"], 78, "set it yourself: `camera: brio`"),
        (b"camera:\tdemo\n\tthreads: 1", ["--camera", "brio"], 78, "is not YAML"),
        (b"threads: many", ["--camera", "brio"], 78, "threads: expected a whole number"),
        (b"camera: demo\ncamera: 2", ["--camera", "brio"], 78, "key 'camera' comes twice"),
        (b"threads: !!int abc", ["--board", "pi4"], 78, "cannot be read as int"),
        (b"camera: [" + b"[" * 5000, ["--camera", "brio"], 78, "at most 20 levels"),
        (b"store: /srv/mine", ["--model", "BUNDLE"], 78, "updates go to /var/lib/ellar-edge/bundles"),
        (b"camera: arducam\nstore: /var/lib/ellar-edge/bundles", ["--model", "/none"], 78, "expected a bundle"),
    ],
)
def test_a_wrong_configuration_of_the_users_is_told_and_kept(
    text: bytes,
    arguments: list[str],
    code: int,
    message: str,
    root: Path,
    tiny_bundle: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = Layout(root).config
    config.parent.mkdir()
    config.write_bytes(text)
    before = files(root)
    assert service(root, "install", *(tiny_bundle if word == "BUNDLE" else word for word in arguments)) == code
    assert message in capsys.readouterr().err
    assert files(root) == before
    assert service(root, "uninstall") == 0


@pytest.mark.parametrize("line", ["bundle: /srv/mine", "store: /srv/store", ""])
def test_a_bundle_that_the_service_would_not_take_is_not_brought_in(
    line: str, root: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service(root, "install")
    Layout(root).config.write_text(f"camera: arducam\n{line}\n")
    assert service(root, "update", tiny_bundle) == 78
    assert str(Layout(root).config) in capsys.readouterr().err
    assert BundleStore(Layout(root).store).current() is None


def test_an_image_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert service(tmp_path / "none", "install") == 2
    assert "no such directory" in capsys.readouterr().err


def test_what_the_disk_refuses_is_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/udev").write_text("a file where a directory has to be")
    assert service(root, "install") == 1
    assert capsys.readouterr().err == f"edge-service: {root / 'etc/udev'}: Not a directory\n"
    (root / "etc/udev").unlink()
    assert service(root, "install") == 0


def test_roots_umask_does_not_hide_the_service_from_its_user(root: Path) -> None:
    old = os.umask(0o077)
    try:
        assert service(root, "install") == 0
    finally:
        os.umask(old)
    layout = Layout(root)
    for path in (layout.store, layout.store.parent, layout.config, layout.config.parent, layout.unit):
        assert path.stat().st_mode & 0o755 == (0o755 if path.is_dir() else 0o644), path


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs here")
@pytest.mark.parametrize("command", [["uninstall"], ["update", "bundle"], ["rollback"]])
def test_without_systemd_there_is_one_clear_error(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 1
    assert "systemd does not run here" in capsys.readouterr().err


def test_bundles_of_an_image(
    root: Path, loaded_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "bundles/first", tmp_path / "bundles/second.tar"
    for path in (first, second):
        write_bundle(path, replace(loaded_bundle.manifest, name=path.stem), loaded_bundle.files)
    assert service(root, "install", "--model", first) == 0
    assert service(root, "update", first) == 0
    assert "is current already" in capsys.readouterr().out
    assert service(root, "update", second) == 0
    store = BundleStore(Layout(root).store)
    current, previous = store.current(), store.previous()
    assert current is not None and Bundle.load(current).manifest.name == "second"
    assert previous is not None and Bundle.load(previous).manifest.name == "first"
    for expected in ("first", None):
        assert service(root, "rollback") == 0
        current = store.current()
        assert (None if current is None else Bundle.load(current).manifest.name) == expected
    assert service(root, "rollback") == 2
    assert service(root, "update", tmp_path / "none") == 78
    assert service(root, "status") == 0
    assert "the bundle of the package" in capsys.readouterr().out


def test_an_update_that_is_an_attack_leaves_the_bundle_that_runs(
    root: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On an image there is no self-test: reading alone must refuse it, in one printable line."""
    assert service(root, "install", "--model", tiny_bundle) == 0
    store = BundleStore(Layout(root).store)
    before = store.current()
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "link").mkdir()
    for path in tiny_bundle.iterdir():
        (tmp_path / "link" / path.name).symlink_to(path)
    shutil.copytree(tiny_bundle, tmp_path / "\x1b[2Jflipped\n")
    text = (tiny_bundle / "manifest.json").read_text()
    (tmp_path / "\x1b[2Jflipped\n" / "manifest.json").write_text(text.replace('"left"', '"lift"'))
    capsys.readouterr()
    for name, message in (
        ("pipe.tar", "a pipe"),
        ("link", "a link"),
        ("\x1b[2Jflipped\n", "the digest of all the rest"),
    ):
        assert service(root, "update", tmp_path / name) == EXIT_CONFIG
        told = capsys.readouterr().err
        assert message in told and told.endswith("\n") and told[:-1].isprintable()
    assert store.current() == before


def test_the_status_is_printable_whatever_the_service_wrote(
    root: Path, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service(root, "install", "--model", tiny_bundle) == 0
    record = Layout(root).running
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"bundle": "\x1b[2J\nroot", "digest": "\ud800", "error": "a\nb"}))
    capsys.readouterr()
    service(root, "status")
    told = capsys.readouterr().out.splitlines()
    assert any(line.startswith("runs      \\x1b[2J root") for line in told) and "rejected  a b" in told
    assert all(line.isprintable() for line in told)
