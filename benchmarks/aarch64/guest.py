"""A Python for aarch64 with the engines' wheels, as a folder that qemu's user mode runs from.

Nothing is emulated to make it: Debian's packages and the wheels are only unpacked. `python -m benchmarks.aarch64.guest`
makes it. Needs Debian's mmdebstrap, qemu-user, gcc, gcc-aarch64-linux-gnu.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".cache" / "aarch64"
PACKAGES = "python3.11,libstdc++6,libgomp1,libglib2.0-0"
WHEELS = ("numpy", "opencv-python-headless", "pyyaml", "onnxruntime", "openvino", "ai-edge-litert", "ncnn")
COMPILER = "aarch64-linux-gnu-gcc"
PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{n}_aarch64" for n in (17, 24, 26, 27, 28, 31, 34, 35)))
CPU = "cortex-a76"  # Raspberry Pi 5; a cortex-a72 (Pi 4) has no dot product instructions


@dataclass(frozen=True)
class Processor:
    """What the kernel of a board shows of its processor: engines choose kernels by it, and qemu shows the host's.

    part: its number among ARM's own. variant: major revision. features: as Linux names them in /proc/cpuinfo.
    """

    part: int
    variant: int
    features: str

    def files(self) -> dict[str, str]:
        """Below the root, with their contents."""
        cpuinfo = (
            f"processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: {self.variant:#x}\nCPU part\t: {self.part:#x}\nCPU revision\t: 1\n\n"
        )
        seen = {"possible": "0", "present": "0", "online": "0", "kernel_max": "0"}
        register = 0x410F0001 | self.variant << 20 | self.part << 4
        seen["cpu0/regs/identification/midr_el1"] = f"{register:#018x}"
        return {"proc/cpuinfo": cpuinfo} | {
            f"sys/devices/system/cpu/{path}": f"{text}\n" for path, text in seen.items()
        }


PROCESSORS = {
    "cortex-a72": Processor(0xD08, 0, "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": Processor(
        0xD0B, 4, "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
    ),
}


@dataclass(frozen=True)
class Guest:
    """folder: holds `rootfs`, `site` (what Python imports) and the plugin that counts.

    cpu: of PROCESSORS. cut: the guest cuts its counts into parts (count.c).
    """

    folder: Path
    cpu: str = CPU
    cut: bool = False

    def command(self, *arguments: str | Path, counts: Path | None = None) -> list[str]:
        """Run Python in the guest with these arguments; counts: where the plugin's lines go."""
        plugin = f"{self.folder / 'count.so'}{',cut=on' if self.cut else ''}"
        counting = [] if counts is None else ["-plugin", plugin, "-d", "plugin", "-D", str(counts)]
        environment = [
            f"PYTHONPATH={self.folder / 'site'}",
            "OMP_NUM_THREADS=1",
            f"HOME={self.folder}",
            "PYTHONHASHSEED=0",
        ]
        return [
            *("qemu-aarch64", "-cpu", self.cpu, "-L", str(self.folder / "rootfs"), *counting),
            *(part for variable in environment for part in ("-E", variable)),
            *(str(self.folder / "rootfs" / "usr" / "bin" / "python3.11"), *map(str, arguments)),
        ]

    def run(self, *arguments: str | Path, counts: Path | None = None) -> str:
        """What it prints. Raises RuntimeError with its messages where it fails."""
        for path, text in PROCESSORS[self.cpu].files().items():
            seen = self.folder / "rootfs" / path
            seen.parent.mkdir(parents=True, exist_ok=True)
            seen.write_text(text)
        command = self.command(*arguments, counts=counts)
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout


def guest() -> Guest:
    """The guest, made where it is not there yet; this project's packages in it are always those of the tree."""
    missing = [tool for tool in ("mmdebstrap", "qemu-aarch64", "gcc", COMPILER) if shutil.which(tool) is None]
    if missing:
        packages = "mmdebstrap qemu-user gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
        raise SystemExit(f"needs {', '.join(missing)}: apt-get install {packages}")
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
    """With the C core built for the guest, as `pip install` builds it on a board."""
    for package in ("edge", "benchmarks"):
        shutil.rmtree(site / package, ignore_errors=True)
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("*.so", "__pycache__", "native"))
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "setup.py", "-q", "build_ext", f"--build-lib={site}", f"--build-temp={scratch}"]
        environment = {"CI": "true", "CC": COMPILER, "LDSHARED": f"{COMPILER} -shared"}
        environment["_PYTHON_HOST_PLATFORM"] = "linux-aarch64"
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)


if __name__ == "__main__":
    os.umask(0o022)
    print(guest().run("-c", "import platform; print('Python', platform.python_version(), platform.machine())"), end="")
