"""Files written in one step: killed anywhere, the old or the new is there, and what is left over is gone next time."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge import files
from edge.errors import ConfigError, UsageError
from edge.files import (
    check_can_make,
    check_can_write,
    folder_in_one_step,
    replace_file,
    scratch_folder,
    within,
    write_whole,
)
from tests.edge.bundles.test_store import run_until
from tests.edge.conftest import ROOT


def replace_folder(target: Path) -> None:
    with folder_in_one_step(target) as staging:
        (staging / "one").write_text("new")
        (staging / "two").write_text("new")


def without_nameless_files(path: Path) -> None:
    """As on a file system that has no O_TMPFILE."""
    files._nameless = lambda folder: None
    replace_file(path, b"new")


def content(path: Path) -> object:
    return {p.name: p.read_text() for p in path.iterdir()} if path.is_dir() else path.read_text()


@pytest.mark.parametrize("write", [lambda path: replace_file(path, b"new"), without_nameless_files, replace_folder])
def test_killed_at_any_step_it_is_the_old_or_the_new(write: Callable[[Path], None], tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    seen = set()
    for step in range(1, 200):
        place = tmp_path / str(step)
        place.mkdir()
        target = place / "kept"
        if write is replace_folder:
            target.mkdir()
            (target / "one").write_text("old")
        else:
            target.write_text("old")
        old = content(target)
        process = fork.Process(target=run_until, args=(step, lambda target=target: write(target)))
        process.start()
        process.join(60)
        seen.add(content(target) == old)
        assert content(target) in (old, "new", {"one": "new", "two": "new"})
        write(target)  # nothing that is left over is in the way of the next one, and it clears up
        assert [path.name for path in place.iterdir()] == ["kept"]
        if process.exitcode == 0:
            break
    assert process.exitcode == 0 and step > 4 and seen == {True, False}


def test_a_killed_writer_of_a_file_leaves_nothing(tmp_path: Path) -> None:
    """Where the disk can: a file without a name is gone with its writer."""
    code = """
import os, signal, sys
from pathlib import Path
from edge import files
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
files.write_whole(Path(sys.argv[1]), b"x" * 1000000)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "kept")], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == [] or files._nameless(os.open(tmp_path, os.O_RDONLY)) is None


def test_what_a_killed_one_left_in_the_folder_for_work_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import os, signal
from edge.files import scratch_folder
with scratch_folder("work") as folder:
    (folder / "large").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder("work") as mine, scratch_folder("work") as other:  # who is alive keeps his
        assert sorted(tmp_path.iterdir()) == sorted([mine, other])
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed_a_mode_stays_and_a_device_is_written_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640
    write_whole(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()
    write_whole(tmp_path / ("n" * 255), "a name as long as names may be")


def test_many_writers_of_one_name_end_with_one_whole_file(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    target = tmp_path / "kept"

    def write(letter: str) -> None:
        for _ in range(50):
            write_whole(target, letter * 100_000)

    writers = [fork.Process(target=write, args=(letter,)) for letter in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(set(target.read_text())) == 1 and list(tmp_path.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.write_text("old")
    code = "import sys; from pathlib import Path; from edge.files import write_whole\n"
    code += "try: write_whole(Path(sys.argv[1]), b'x' * 10_000_000)\nexcept OSError as error: print(error.filename)"

    def little_disk() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    done = subprocess.run(
        [sys.executable, "-c", code, str(target)], cwd=ROOT, preexec_fn=little_disk, capture_output=True, text=True
    )
    assert done.stdout == f"{target}\n", done.stderr
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "found a folder"),
        ("none/report", "there is no folder"),
        ("n" * 5000, "name too long"),
        ("n" * 256, "name too long"),
        ("a\0b", "cannot be the name"),
        ("file/report", "there is no folder"),
    ],
)
def test_a_target_that_cannot_be_is_refused_before_the_work(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="(?i)" + said):
        check_can_write(tmp_path / name, "the report")


def test_targets_that_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "new", tmp_path / "file", Path("/dev/stdout"), Path("/dev/null")):
        check_can_write(path, "the report")
    check_can_make(tmp_path / "a/b/c", "a bundle")
    with pytest.raises(UsageError, match="expected a folder"):
        check_can_make(tmp_path / "file", "a bundle")
    with pytest.raises(UsageError, match="expected a folder"):
        check_can_make(tmp_path / "file/below", "a bundle")


@pytest.mark.parametrize(
    ("links", "path", "expected"),
    [
        ({}, "/var/lib", "var/lib"),
        ({"var": "/data"}, "/var/lib", "data/lib"),
        ({"var": "../../../data"}, "/var/lib", "data/lib"),
        ({"var": "data", "data": "/srv"}, "/var/lib", "srv/lib"),
        ({"var": "/a/../../b"}, "/var/lib", "b/lib"),
        ({}, "/../../etc/./x", "etc/x"),
    ],
)
def test_a_path_stays_below_its_root(links: dict[str, str], path: str, expected: str, tmp_path: Path) -> None:
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    assert within(tmp_path, path) == tmp_path / expected
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(ConfigError, match="circle"):
        within(tmp_path, "/round/x")
