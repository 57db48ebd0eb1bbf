"""What the VM gets to test, as two disk images: the wheels that ours needs; ours, the virtual camera and its clip."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from email.parser import Parser
from pathlib import Path

from tests.vm.arch import Arch
from tests.vm.image import CACHE, REPOSITORY, run

GUEST_PYTHON = "3.11"  # of the image's Debian
GUEST_CODE = ("tests/vm/guest", "tests/vm/camera")


def build_wheel(arch: Arch, folder: Path) -> Path:
    """Our wheel for an architecture from the files of this tree, cross-compiled where it is not this machine's."""
    source = folder / "source"
    copy_tree(source)
    environment = {"CI": "true", "_PYTHON_HOST_PLATFORM": f"linux-{arch.machine}"}
    environment |= {"CC": arch.compiler, "LDSHARED": f"{arch.compiler} -shared"}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, env={**os.environ, **environment})
    shutil.rmtree(source)
    return next(folder.glob("ellar_edge-*.whl"))


def copy_tree(target: Path) -> None:
    """The files that git knows or would know, so that nothing left over from an older build gets into the wheel."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, target / name)


def site(arch: Arch, requirements: Sequence[str]) -> Path:
    """A folder with packages unpacked for the guest's Python, kept until the requirements change.

    Far faster here than by pip inside an emulated machine.
    """
    key = hashlib.sha256("\n".join([arch.debian, GUEST_PYTHON, *requirements]).encode()).hexdigest()[:12]
    folder = CACHE / f"site-{arch.debian}-{key}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        platforms = [f"--platform={tag}" for tag in arch.wheel_platforms]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-conflicts", "--only-binary=:all:"]
        run(*pip, f"--python-version={GUEST_PYTHON}", *platforms, f"--target={unfinished}", *requirements)
        unfinished.rename(folder)
    return folder


def requirements_of(wheel: Path) -> list[str]:
    """What a wheel needs to run."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    return [line for line in metadata.get_all("Requires-Dist", []) if "extra" not in line]


def site_disk(folder: Path) -> Path:
    """A folder made by `site`, as an image."""
    disk = folder.with_suffix(".img")
    if not disk.exists():
        make_disk("site", folder, disk.with_suffix(".unfinished"))
        disk.with_suffix(".unfinished").rename(disk)
    return disk


def payload_disk(wheel: Path, folder: Path) -> Path:
    """The wheel, the guest's own code and the clip, as an image."""
    from tests.vm.clip import write_demo  # OpenCV, which only the camera's clip needs

    tree = folder / "payload"
    for code in GUEST_CODE:
        shutil.copytree(REPOSITORY / code, tree / code, ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("tests", "tests/vm"):
        (tree / package / "__init__.py").touch()
    shutil.copy(wheel, tree)
    (tree / "clip").mkdir()
    write_demo(tree / "clip", REPOSITORY / "edge" / "data" / "demo.mp4")
    disk = make_disk("payload", tree, folder / "payload.img")
    shutil.rmtree(tree)
    return disk


def make_disk(label: str, tree: Path, disk: Path) -> Path:
    """An ext4 image of a folder, readable by everybody in the guest."""
    mebibytes = sum(path.lstat().st_size + 4096 for path in tree.rglob("*")) * 11 // 10 // 2**20 + 32
    with disk.open("wb") as file:
        file.truncate(mebibytes << 20)
    run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "root_owner=0:0", "-L", label, "-d", tree, disk)
    return disk
