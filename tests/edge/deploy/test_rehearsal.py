"""`install --dry-run` before anything exists; causes by their names; bundles that were made for another board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge.bundles.bundle import Bundle, write_bundle
from tests.edge.deploy.test_cli import files, root, service  # noqa: F401  (a fixture)

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """The root of an image in which nothing was installed yet."""
    place = tmp_path / "image"
    (place / "etc").mkdir(parents=True)
    (place / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    return place


def test_everything_is_shown_before_any_of_it_exists(empty: Path, capsys: Captured) -> None:
    before = files(empty)
    code = service(empty, "install", "--dry-run", "--board", "pi5", "--user", "robot", "--camera", "brio")
    out, err = capsys.readouterr()
    lines = out.splitlines()
    units = empty / "etc/systemd/system"
    for line in (
        "user robot and its group: yours; it has to be there",
        f"make {empty}/var/lib/ellar-edge/bundles  0755 root:root",
        f"write {units}/edge-run.service  0644 root:root",
        f"write {units}/edge-run.service.d/10-pi.conf  0644 root:root",
        f"write {units}/edge.slice  0644 root:root",
        f"write {empty}/etc/udev/rules.d/70-edge-run.rules  0644 root:root",
        f"write {empty}/etc/ellar-edge/edge.yaml  0644 root:root",
        f"link {units}/multi-user.target.wants/edge-run.service -> /etc/systemd/system/edge-run.service",
        "    camera: brio",
        "    User=robot",
    ):
        assert line in lines, line
    assert files(empty) == before and code == 78
    assert "not yet: " in err and "expected the program edge-run, found none" in err and "--user robot: no such" in err


def test_what_it_shows_is_what_an_installation_does(root: Path, capsys: Captured) -> None:  # noqa: F811
    assert service(root, "install", "--dry-run") == 0
    shown = {line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith(("write ", "link "))}
    before = files(root)
    assert service(root, "install") == 0
    assert shown == {str(root / name) for name in set(files(root)) - set(before)}
    capsys.readouterr()
    assert service(root, "install", "--dry-run") == 0
    out = capsys.readouterr().out
    assert not [line for line in out.splitlines() if line.startswith(("write ", "link ", "make "))], out


def test_the_commands_and_the_bundle_are_shown(tiny_bundle: Path, root: Path, capsys: Captured) -> None:  # noqa: F811
    assert service(root, "install", "--dry-run", "--model", tiny_bundle) == 0
    assert f"bundle {tiny_bundle}: verified, copied into {root}" in capsys.readouterr().out
    service(Path("/"), "install", "--dry-run", "--board", "generic_x86")
    out = capsys.readouterr().out
    assert "run systemctl daemon-reload\n" in out and "run systemctl --no-block restart edge-run.service\n" in out


def test_a_root_without_etc_is_named_as_that(tmp_path: Path, capsys: Captured) -> None:
    assert service(tmp_path, "install", "--board", "pi5") == 78
    assert f"{tmp_path}/etc: expected it in the root of an image, found none" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["#!/home/me/venv/bin/python", "#!/opt/elsewhere/bin/python3"])
def test_a_program_whose_interpreter_is_elsewhere_is_named_as_that(
    line: str,
    root: Path,  # noqa: F811
    capsys: Captured,
) -> None:
    program = root / "opt/ellar-edge/bin/edge-run"
    program.write_text(f"{line}\n")
    before = files(root)
    assert service(root, "install") == 78
    err = capsys.readouterr().err
    assert f"{line[2:]}: the service's user cannot read it, which the first line of {program} names (nothing is" in err
    assert files(root) == before


@pytest.mark.parametrize(
    ("target", "board", "named"),
    [
        ("jetson", "pi5", "arm"),
        ("x86", "orin_nano", "jetson"),
        ("arm", "pi4", None),
        ("any", "pi5", None),
        ("openvino", "generic_x86", None),
        ("openvino", "nano", "arm"),
    ],
)
def test_a_bundle_for_another_target_is_said_by_install_and_update(
    target: str,
    board: str,
    named: str | None,
    tiny_bundle: Path,
    tmp_path: Path,
    root: Path,  # noqa: F811
    capsys: Captured,
) -> None:
    loaded = Bundle.load(tiny_bundle)
    bundle = tmp_path / f"for-{target}"
    write_bundle(bundle, replace(loaded.manifest, target=target), dict(loaded.files))
    for command in (["install", "--board", board, "--dry-run", "--model", bundle], ["install", "--board", board],
                    ["update", bundle]):  # fmt: skip
        capsys.readouterr()
        assert service(root, *command) == 0
        err = capsys.readouterr().err
        if command[0] == "update" or "--model" in command:
            assert (f"made for the target {target}" in err and f"quantize --target {named}" in err) == bool(named), err
        else:
            assert err == ""
