"""Reading a bundle is bounded before anything is known of it: sizes, kinds, time and memory."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundles.bundle import Bundle, FileDigest, write_bundle
from edge.errors import BundleError
from tests.edge.conftest import ROOT
from tests.students import tiny_files, tiny_manifest, tiny_student

STUDENT = tiny_student()
LOAD = "import sys; from pathlib import Path; from edge.bundles.bundle import Bundle; Bundle.load(Path(sys.argv[1]))"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", tiny_manifest(STUDENT), tiny_files(STUDENT))
    return tmp_path / "bundle"


def limited(path: Path, seconds: float = 30, megabytes: int = 350) -> str:
    """What loading says in a process that may not have more memory than this; it must fail for a reason of its own."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)],
        cwd=ROOT,
        env=environment,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1] if done.stderr else "nothing"
    assert last.startswith("edge.errors.BundleError: "), done.stderr
    return last


def test_huge_files_that_take_no_room_on_the_disk_take_none_in_memory(bundle: Path) -> None:
    for i in range(20):
        with (bundle / f"more{i}.bin").open("wb") as file:
            file.truncate(500 << 20)
    assert "expected only files that the manifest lists" in limited(bundle)


def test_files_that_are_listed_are_limited_in_their_sum(bundle: Path) -> None:
    manifest = Bundle.load(bundle).manifest
    for i in range(3):
        with (bundle / f"more{i}.bin").open("wb") as file:
            file.truncate(100 << 20)
    zeros = hashlib.sha256(bytes(100 << 20)).hexdigest()
    listed = {**manifest.files, **{f"more{i}.bin": FileDigest(zeros, 100 << 20) for i in range(3)}}
    (bundle / "manifest.json").write_bytes(dataclasses.replace(manifest, files=listed).sealed())
    assert "expected at most 268435456 bytes in all" in limited(bundle)


def test_many_files_are_not_listed_to_the_end(bundle: Path) -> None:
    for i in range(200):
        (bundle / f"f{i}").touch()
    assert "expected at most 64 files" in limited(bundle)


@pytest.mark.parametrize("name", ["pipe.tar", "pipe"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert "found a pipe" in limited(tmp_path / name)


def tar_with(kind: bytes, data: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for _ in range(2000):
            member = tarfile.TarInfo("manifest.json")
            member.type, member.size = kind, len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, b"S"], ids=repr
)
def test_no_extension_of_a_tar_is_parsed(tmp_path: Path, kind: bytes) -> None:
    """Chains of them recurse in tarfile, and one of 120 kB takes it 15 s."""
    (tmp_path / "b.tar").write_bytes(tar_with(kind, b"30 mtime=1350244992.023960108\n" * 20))
    assert "expected a regular file, found another kind" in limited(tmp_path / "b.tar")


def packed_by(tmp_path: Path, bundle: Path, *options: str) -> Path:
    names = sorted(path.name for path in bundle.iterdir())
    subprocess.run(["tar", *options, "-cf", str(tmp_path / "b.tar"), "-C", str(bundle), *names], check=True)
    return tmp_path / "b.tar"


@pytest.mark.parametrize("form", ["ustar", "gnu"])
def test_what_tar_itself_packs_is_read(tmp_path: Path, bundle: Path, form: str) -> None:
    assert Bundle.load(packed_by(tmp_path, bundle, f"--format={form}")).files == Bundle.load(bundle).files


def base256(raw: bytearray) -> None:
    raw[124:136] = b"\x80" + bytes(11)


def prefixed(raw: bytearray) -> None:
    raw[345:348] = b"etc"


@pytest.mark.parametrize("change", [base256, prefixed])
def test_a_header_beyond_plain_ustar_is_refused(
    tmp_path: Path, bundle: Path, change: Callable[[bytearray], None]
) -> None:
    raw = bytearray(packed_by(tmp_path, bundle, "--format=ustar").read_bytes())
    change(raw)
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw[:512]):06o}\0 ".encode()
    (tmp_path / "b.tar").write_bytes(raw)
    with pytest.raises(BundleError, match="an extension of ustar"):
        Bundle.load(tmp_path / "b.tar")


def test_a_file_that_ends_beyond_the_tar_is_refused(tmp_path: Path, bundle: Path) -> None:
    path = packed_by(tmp_path, bundle, "--format=ustar")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(BundleError, match="ends beyond the end"):
        Bundle.load(path)


@pytest.mark.parametrize("name", ["a" * 5000, "\0", "a/" * 3000])
def test_a_path_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BundleError):
        Bundle.load(Path(name))
