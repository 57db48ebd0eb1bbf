"""Builds for aarch64 and runs tests under qemu-user: `python -m tests.arm.run cortex-a72 cortex-a76 -- tests/edge`.

The tests run in the arm64 image's Debian, on its Python, with the C core that a robot gets. An instruction that the
processor does not have is an illegal instruction there, too. The last line says who passed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vm.arch import ARM64
from tests.vm.binfmt import under_binfmt
from tests.vm.image import image
from tests.vm.payload import build_wheel, copy_tree, requirements_of, site

TEST_TOOLS = ["pytest>=8", "hypothesis>=6", "onnx>=1.16"]
NATIVE = "edge/_native.abi3.so"
# What libraries look at to choose their kernels must be the emulated processor, not this machine's: /proc/cpuinfo is
# ours, /sys stays out.
ENTER = """root=$0 cpuinfo=$1; shift
mount --bind "$root" "$root" && cd "$root"
mount --rbind /proc proc && mount --bind "$cpuinfo" proc/cpuinfo && mount --rbind /dev dev
mount -t tmpfs none tmp && mount -t tmpfs none srv
while [ "$1" != -- ]; do mkdir "srv/$1" && mount --bind "$2" "srv/$1"; shift 2; done
shift
exec chroot . "$@" """


@dataclass(frozen=True)
class Processor:
    """part: its number among ARM's own. features: as Linux names them in /proc/cpuinfo."""

    part: int
    features: str

    def cpuinfo(self) -> str:
        """/proc/cpuinfo of a machine that has as many of them as this one has processors."""
        return "".join(
            f"processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {self.part:#x}\nCPU revision\t: 3\n\n"
            for number in range(os.cpu_count() or 1)
        )


PROCESSORS = {
    "cortex-a72": Processor(0xD08, "fp asimd evtstrm crc32 cpuid"),  # Raspberry Pi 4
    "cortex-a76": Processor(  # Raspberry Pi 5
        0xD0B,
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    cut = arguments.index("--")
    names, tests = arguments[:cut], arguments[cut + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        trees = _trees(Path(folder))
        passed = {name: _passes(name, tests, trees, Path(folder) / "cpuinfo") for name in names}
    print("; ".join(f"{name}: {'passed' if good else 'FAILED'}" for name, good in passed.items()))
    return 0 if all(passed.values()) else 1


def _trees(folder: Path) -> Mapping[str, Path]:
    """What is to be seen in the guest's /srv: our tree with the C core for ARM, and the packages."""
    wheel = build_wheel(ARM64, folder)
    copy_tree(folder / "source")
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(NATIVE, folder / "source")
    return {"source": folder / "source", "site": site(ARM64, [*requirements_of(wheel), *TEST_TOOLS])}


def _passes(name: str, tests: Sequence[str], trees: Mapping[str, Path], cpuinfo: Path) -> bool:
    cpuinfo.write_text(PROCESSORS[name].cpuinfo())
    mounts = [word for tree, path in trees.items() for word in (tree, str(path))]
    environment = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "OMP_NUM_THREADS=1"]
    environment += [f"QEMU_CPU={name}", "PYTHONPATH=/srv/source:/srv/site", "PYTHONDONTWRITEBYTECODE=1"]
    # Hypothesis' profile for slow machines: it measures no time.
    options = "-p no:cacheprovider --hypothesis-profile=ci"
    pytest = ["sh", "-c", f'cd /srv/source && exec python3 -m pytest {options} "$@"', "pytest", *tests]
    root = str(image(ARM64) / "rootfs")
    try:
        under_binfmt(ARM64, ["sh", "-ec", ENTER, root, str(cpuinfo), *mounts, "--", *environment, *pytest])
    except subprocess.CalledProcessError:
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
