"""The two machines of the VM ring: what differs between x86-64 and arm64."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    """A guest architecture.

    debian: its name there. machine: `uname -m`. kernel: Debian's package. wheel_platforms: tags of the wheels that it
    can load. qemu: program, machine and processor. console: kernel name of the serial port. compiler: for the C core.
    """

    debian: str
    machine: str
    kernel: str
    wheel_platforms: tuple[str, ...]
    qemu: tuple[str, ...]
    console: str
    compiler: str = "cc"


def _wheels(machine: str) -> tuple[str, ...]:
    tags = [f"manylinux_2_{minor}_{machine}" for minor in (28, 27, 26, 24, 17)]  # glibc of Debian 12 is newer than all
    return (*tags, f"manylinux2014_{machine}", f"linux_{machine}")


AMD64 = Arch(
    debian="amd64",
    machine="x86_64",
    kernel="linux-image-amd64",
    wheel_platforms=_wheels("x86_64"),
    qemu=("qemu-system-x86_64", "-machine", "q35", "-cpu", "max"),
    console="ttyS0",
)
ARM64 = Arch(
    debian="arm64",
    machine="aarch64",
    kernel="linux-image-arm64",
    wheel_platforms=_wheels("aarch64"),
    qemu=("qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "cortex-a72"),  # the Raspberry Pi 4's core
    console="ttyAMA0",
    compiler="aarch64-linux-gnu-gcc",
)
ARCHES = {arch.debian: arch for arch in (AMD64, ARM64)}
