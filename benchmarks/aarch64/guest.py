"""A Python for aarch64 with the engines' wheels, as a folder that qemu's user mode runs from.

Nothing is emulated to make it: Debian's packages and the wheels are only unpacked. `python -m benchmarks.aarch64.guest`
makes it. Needs Debian's mmdebstrap, qemu-user, gcc.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "aarch64"
PACKAGES = "python3.11,libstdc++6,libgomp1,libglib2.0-0"
WHEELS = ("numpy", "opencv-python-headless", "pyyaml", "onnxruntime", "openvino", "ai-edge-litert", "ncnn")
PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{n}_aarch64" for n in (17, 24, 26, 27, 28, 31, 34, 35)))
CPU = "cortex-a76"  # Raspberry Pi 5; a cortex-a72 (Pi 4) has no dot product instructions
# What the kernel of a Pi 5 shows: engines choose kernels by it, and qemu shows the host's.
CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1

"""
SEEN_CPUS = {
    **{"possible": "0", "present": "0", "online": "0", "kernel_max": "0"},
    "cpu0/regs/identification/midr_el1": "0x00000000414fd0b1",
}


@dataclass(frozen=True)
class Guest:
    """folder: holds `rootfs`, `site` (what Python imports) and the plugin that counts."""

    folder: Path

    def command(self, *arguments: str | Path, counts: Path | None = None) -> list[str]:
        """Run Python in the guest with these arguments; counts: where the plugin's lines go."""
        counting = (
            [] if counts is None else ["-plugin", str(self.folder / "count.so"), "-d", "plugin", "-D", str(counts)]
        )
        environment = [
            f"PYTHONPATH={self.folder / 'site'}",
            "OMP_NUM_THREADS=1",
            f"HOME={self.folder}",
            "PYTHONHASHSEED=0",
        ]
        return [
            *("qemu-aarch64", "-cpu", CPU, "-L", str(self.folder / "rootfs"), *counting),
            *(part for variable in environment for part in ("-E", variable)),
            *(str(self.folder / "rootfs" / "usr" / "bin" / "python3.11"), *map(str, arguments)),
        ]

    def run(self, *arguments: str | Path, counts: Path | None = None) -> str:
        """What it prints. Raises RuntimeError with its messages where it fails."""
        command = self.command(*arguments, counts=counts)
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout


def guest() -> Guest:
    """The guest, made where it is not there yet; this project's packages in it are always those of the tree."""
    missing = [tool for tool in ("mmdebstrap", "qemu-aarch64", "gcc") if shutil.which(tool) is None]
    if missing:
        raise SystemExit(f"needs {', '.join(missing)}: apt-get install mmdebstrap qemu-user gcc")
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not (FOLDER / "rootfs").is_dir():
        _make_rootfs(FOLDER / "rootfs")
    if not (FOLDER / "site").is_dir():
        _unpack_wheels(FOLDER / "site")
    _copy_packages(FOLDER / "site")
    source = Path(__file__).with_name("count.c")
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-shared", "-fPIC", source, "-o", FOLDER / "count.so"], check=True)
    return Guest(FOLDER)


def _make_rootfs(target: Path) -> None:
    staging = target.with_name("rootfs.part")
    shutil.rmtree(staging, ignore_errors=True)
    options = ["--variant=extract", "--architectures=arm64", f"--include={PACKAGES}", "--quiet"]
    subprocess.run(["mmdebstrap", *options, "bookworm", staging, "http://deb.debian.org/debian"], check=True)
    seen = staging / "sys" / "devices" / "system" / "cpu"
    for path, text in ((staging / "proc" / "cpuinfo", CPUINFO), *((seen / k, f"{v}\n") for k, v in SEEN_CPUS.items())):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    staging.rename(target)


def _unpack_wheels(target: Path) -> None:
    wheels, staging = target.with_name("wheels"), target.with_name("site.part")
    shutil.rmtree(staging, ignore_errors=True)
    options = ["--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"]
    options += [part for abi in ("cp311", "abi3", "none") for part in ("--abi", abi)]
    options += [part for platform in PLATFORMS for part in ("--platform", platform)]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", *options, "-d", wheels, *WHEELS], check=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(staging)
    staging.rename(target)


def _copy_packages(site: Path) -> None:
    """Without the C core, which is this machine's: the runtime then takes NumPy."""
    for package in ("edge", "benchmarks"):
        shutil.rmtree(site / package, ignore_errors=True)
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("*.so", "__pycache__", "native"))


if __name__ == "__main__":
    os.umask(0o022)
    print(guest().run("-c", "import platform; print('Python', platform.python_version(), platform.machine())"), end="")
