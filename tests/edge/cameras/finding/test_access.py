"""Who may open a node, and who has it open, from trees like /dev and /proc."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.cameras.finding.access import Access, Holder, holders

ROOT_GID = 0
VIDEO = 44


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "allowed"),
    [
        (0o660, 1000, {1000, VIDEO}, True),
        (0o660, 1000, {1000}, False),
        (0o640, 1000, {VIDEO}, False),
        (0o666, 1000, set(), True),
        (0o600, 7, {7}, True),
        (0o066, 7, {VIDEO}, False),  # the owner's class counts for the owner, and it may nothing
        (0o606, 1000, {VIDEO}, False),  # the same for the group
        (0o000, 0, {0}, True),
    ],
)
def test_the_kernels_rule(mode: int, uid: int, groups: set[int], allowed: bool) -> None:
    assert Access(7, VIDEO, mode).allows(uid, groups) is allowed


def test_who_may_is_said_by_name(tmp_path: Path) -> None:
    node = tmp_path / "video0"
    node.touch()
    node.chmod(0o666)
    access = Access.of(node)
    assert access.mode == 0o666
    assert str(Access(0, ROOT_GID, 0o660)) == "root, group root"
    assert str(Access(0, ROOT_GID, 0o600)) == "root"
    assert str(Access(0, 987654, 0o666)) == "root, group 987654, everybody"
    assert Access(0, ROOT_GID, 0o640).group == ""


def process(root: Path, pid: int, name: str, *open_files: str) -> None:
    folder = root / f"proc/{pid}/fd"
    folder.mkdir(parents=True)
    (folder.parent / "comm").write_text(f"{name}\n")
    for number, path in enumerate(open_files):
        (folder / str(number)).symlink_to(path)


def test_holders_are_found_by_their_open_files(tmp_path: Path) -> None:
    process(tmp_path, 10, "guvcview", "/dev/null", "/dev/video0")
    process(tmp_path, 9, "ffmpeg", "/dev/video0", "/dev/video0")
    process(tmp_path, 11, "bash", "/dev/video01", "/dev/tty")
    (tmp_path / "proc/12").mkdir()  # ended while we looked
    (tmp_path / "proc/meminfo").touch()
    assert holders("/dev/video0", tmp_path) == [Holder(9, "ffmpeg"), Holder(10, "guvcview")]
    assert holders("/dev/video1", tmp_path) == []


def test_this_process_is_found(tmp_path: Path) -> None:
    held = tmp_path / "node"
    with held.open("w"):
        (holder,) = holders(str(held.resolve()))
    assert holder.pid == os.getpid()
