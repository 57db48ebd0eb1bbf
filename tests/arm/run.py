"""Builds for aarch64 and runs tests under qemu-user: `python -m tests.arm.run cortex-a72 cortex-a76 -- tests/edge`.

The tests run in the arm64 image's Debian, on its Python, with the C core that a robot gets. Each processor is one that
QEMU knows: what it does not have is an illegal instruction there, too. The last line says which passed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.vm.arch import ARM64
from tests.vm.binfmt import under_binfmt
from tests.vm.image import image
from tests.vm.payload import build_wheel, copy_tree, requirements_of, site

TEST_TOOLS = ["pytest>=8", "hypothesis>=6"]
NATIVE = "edge/_native.abi3.so"
# /sys stays out: onnxruntime reads there how many processors this machine has, and crashes on what it then assumes.
ENTER = """root=$0
mount --bind "$root" "$root" && cd "$root"
mount --rbind /proc proc && mount --rbind /dev dev && mount -t tmpfs none tmp && mount -t tmpfs none srv
while [ "$1" != -- ]; do mkdir "srv/$1" && mount --bind "$2" "srv/$1"; shift 2; done
shift
exec chroot . "$@" """


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    cut = arguments.index("--")
    processors, tests = arguments[:cut], arguments[cut + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        trees = _trees(Path(folder))
        passed = {processor: _passes(processor, tests, trees) for processor in processors}
    print("; ".join(f"{processor}: {'passed' if good else 'FAILED'}" for processor, good in passed.items()))
    return 0 if all(passed.values()) else 1


def _trees(folder: Path) -> Mapping[str, Path]:
    """What is to be seen in the guest's /srv: our tree with the C core for ARM, and the packages."""
    wheel = build_wheel(ARM64, folder)
    copy_tree(folder / "source")
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(NATIVE, folder / "source")
    return {"source": folder / "source", "site": site(ARM64, [*requirements_of(wheel), *TEST_TOOLS])}


def _passes(processor: str, tests: Sequence[str], trees: Mapping[str, Path]) -> bool:
    mounts = [word for name, path in trees.items() for word in (name, str(path))]
    environment = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "OMP_NUM_THREADS=1"]
    environment += [f"QEMU_CPU={processor}", "PYTHONPATH=/srv/source:/srv/site", "PYTHONDONTWRITEBYTECODE=1"]
    pytest = ["sh", "-c", 'cd /srv/source && exec python3 -m pytest -p no:cacheprovider "$@"', "pytest", *tests]
    command = ["sh", "-ec", ENTER, str(image(ARM64) / "rootfs"), *mounts, "--", *environment, *pytest]
    try:
        under_binfmt(ARM64, command)
    except subprocess.CalledProcessError:
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
