"""The store of bundles: an update killed at any step leaves the old bundle or the new one, and both are whole."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.bundles.bundle import Bundle, write_bundle
from edge.bundles.store import BundleStore, load_bundle
from edge.errors import BundleError


@pytest.fixture(scope="module")
def bundles(loaded_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four bundles that differ in their names; the last one is a tar."""
    folder = tmp_path_factory.mktemp("bundles")
    paths = [folder / name for name in ("one", "two", "three", "four.tar")]
    for path in paths:
        write_bundle(path, replace(loaded_bundle.manifest, name=path.stem), loaded_bundle.files)
    return paths


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path / "store")


def install(store: BundleStore, bundle: Path) -> Path:
    with store.changing():
        version = store.add(bundle)
        store.switch(version)
        store.prune()
    return version


def name_of(path: Path | None) -> str | None:
    return None if path is None else Bundle.load(path).manifest.name


def test_an_empty_store_has_nothing(store: BundleStore) -> None:
    assert (store.current(), store.previous()) == (None, None)


def test_the_current_and_the_previous_one_are_kept(store: BundleStore, bundles: list[Path]) -> None:
    for index, bundle in enumerate(bundles):
        install(store, bundle)
        assert name_of(store.current()) == bundle.stem
        assert name_of(store.previous()) == (bundles[index - 1].stem if index else None)
    assert len(list((store.root / "versions").iterdir())) == 2


def test_a_tar_stays_a_tar_and_everything_is_readable_for_the_service(store: BundleStore, bundles: list[Path]) -> None:
    old = os.umask(0o077)
    try:
        install(store, bundles[0])
        version = install(store, bundles[3])
    finally:
        os.umask(old)
    assert version.suffix == ".tar"
    for path in (store.root, *store.root.rglob("*")):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_going_back_and_on(store: BundleStore, bundles: list[Path]) -> None:
    install(store, bundles[0])
    first = store.current()
    install(store, bundles[1])
    store.switch(first)
    assert (name_of(store.current()), store.previous()) == ("one", None)
    install(store, bundles[2])  # what was rolled back is gone
    assert (name_of(store.current()), name_of(store.previous())) == ("three", "one")
    store.switch(None)
    assert store.current() is None


def test_a_damaged_bundle_does_not_come_in(store: BundleStore, bundles: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bundles[0], broken)
    (broken / "gate.npz").write_bytes(b"no")
    with store.changing(), pytest.raises(BundleError, match=r"gate\.npz"):
        store.add(broken)
    assert store.current() is None


def test_two_that_change_it_wait_for_each_other(store: BundleStore, bundles: list[Path]) -> None:
    order: list[str] = []

    def second() -> None:
        with BundleStore(store.root).changing():
            order.append("second")

    with store.changing():
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


# What changes a file system, as Python announces it (audit events), and what makes it last.
CHANGES = ("open", "os.rename", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.copyfile")


def run_until(step: int, work: Callable[[], object]) -> None:
    """Do the work, and die without any clean-up before its `step`th change of the file system."""
    seen = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in CHANGES:
            seen += 1
            if seen == step:
                os._exit(9)

    fsync = os.fsync

    def dying_fsync(descriptor: Any) -> None:
        count("open", ())
        fsync(descriptor)

    setattr(os, "fsync", dying_fsync)  # noqa: B010  its parameter has another name
    sys.addaudithook(count)
    work()
    os._exit(0)


@pytest.mark.parametrize(("old", "new"), [(0, 1), (1, 3), (3, 2), (None, 0)])
def test_killed_at_every_step_it_is_the_old_or_the_new(
    old: int | None, new: int, bundles: list[Path], tmp_path: Path
) -> None:
    fork = multiprocessing.get_context("fork")
    begun = BundleStore(tmp_path / "begun")
    if old is not None:
        for index in (2 if old != 2 else 1, old):
            install(begun, bundles[index])
    before, after = (None if old is None else bundles[old].stem), bundles[new].stem
    seen = set()
    for step in range(1, 1000):
        store = BundleStore(tmp_path / f"step{step}")
        if begun.root.exists():
            shutil.copytree(begun.root, store.root, symlinks=True)
        process = fork.Process(target=run_until, args=(step, lambda store=store: install(store, bundles[new])))
        process.start()
        process.join(60)
        found = name_of(store.current())
        assert found in (before, after), f"killed at step {step}"
        seen.add(found)
        name_of(store.previous())  # whole, if there is one
        if process.exitcode == 0:
            break
        install(store, bundles[new])
        assert name_of(store.current()) == after
        assert not [path for path in (store.root / "versions").iterdir() if path.name.startswith(".")]
        shutil.rmtree(store.root)
    assert process.exitcode == 0 and step > 20
    assert seen == {before, after}


def test_nothing_is_current_before_all_of_it_is_on_the_disk(
    store: BundleStore, bundles: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power may undo what was not written out: files first, then their directory, then the switch."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        done.append(f"switch {target.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    version = install(store, bundles[0])
    switch = done.index("switch current")
    assert set(done[:3]) == {"manifest.json", "student.onnx", "gate.npz"}
    assert done[3:switch] == [f".{version.name}", "versions"]
    assert done[switch + 1] == store.root.name


def test_a_version_must_be_the_one_that_its_name_says(store: BundleStore, bundles: list[Path]) -> None:
    install(store, bundles[0])
    version = install(store, bundles[1])
    assert load_bundle(version).manifest.name == "two"
    shutil.rmtree(version)
    shutil.copytree(bundles[2], version)  # a whole bundle, and another one
    with pytest.raises(BundleError, match="as its name says, found"):
        load_bundle(version)
    previous = store.previous()
    assert previous is not None and load_bundle(previous).manifest.name == "one"


@pytest.mark.parametrize("target", ["/etc", "versions/../..", "versions/one", "elsewhere/000001-0123456789abcdef"])
def test_current_is_a_version_of_this_store_or_nothing(store: BundleStore, bundles: list[Path], target: str) -> None:
    install(store, bundles[0])
    (store.root / "current").unlink()
    (store.root / "current").symlink_to(target)
    with pytest.raises(BundleError, match="expected a link to a version"):
        store.current()


def test_what_was_verified_is_what_is_written(store: BundleStore, bundles: list[Path], tmp_path: Path) -> None:
    """Between reading and writing, someone puts a link to a secret in a file's place; nobody opens it."""
    secret = tmp_path / "secret"
    secret.write_text("root's own")
    secret.chmod(0o600)
    for name, source in (("dir", bundles[0]), ("b.tar", bundles[3])):
        taken = tmp_path / name
        shutil.copytree(source, taken) if source.is_dir() else shutil.copy(source, taken)
        bundle = Bundle.load(taken)
        for path in (
            [taken / "student.onnx", taken / "gate.npz", taken / "manifest.json"] if taken.is_dir() else [taken]
        ):
            path.unlink()
            path.symlink_to(secret)
        with store.changing():
            version = store.add(bundle)
            store.switch(version)
        assert load_bundle(version).files == bundle.files
    stored = [path.read_bytes() for path in store.root.rglob("*") if path.is_file()]
    assert all(b"root's own" not in data for data in stored)


def test_sources_that_are_swapped_all_the_time_give_whole_bundles_or_errors(
    store: BundleStore, bundles: list[Path], tmp_path: Path
) -> None:
    secret, taken = tmp_path / "secret", tmp_path / "taken"
    secret.write_bytes((bundles[0] / "gate.npz").read_bytes()[::-1])  # of the right size
    secret.chmod(0o600)
    shutil.copytree(bundles[0], taken)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for make in (lambda path: path.symlink_to(secret), lambda path: shutil.copy(bundles[0] / "gate.npz", path)):
                make(tmp_path / "new")
                (tmp_path / "new").rename(taken / "gate.npz")

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    try:
        for _ in range(100):
            with store.changing():
                try:
                    outcomes.add(load_bundle(store.add(taken)).manifest.name)
                except BundleError:
                    outcomes.add("refused")
            for path in store.root.rglob("*"):
                assert not path.is_file() or path.read_bytes() != secret.read_bytes()
    finally:
        stop.set()
        thread.join()
    assert outcomes <= {"one", "refused"}
