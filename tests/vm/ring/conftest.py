"""One VM for all tests of the ring, which follow one robot from its installation to the removal of the service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm.arch import ARCHES, Arch
from tests.vm.image import CACHE, image
from tests.vm.machine import Machine
from tests.vm.payload import build_wheel, payload_disk, requirements_of, site, site_disk
from tests.vm.robot import Robot


@pytest.fixture(scope="session")
def arch() -> Arch:
    return ARCHES[os.environ["VM_ARCH"]]


@pytest.fixture(scope="session")
def robot(arch: Arch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    folder: Path = tmp_path_factory.mktemp("vm")
    wheel = build_wheel(arch, folder)
    disks = [site_disk(site(arch, requirements_of(wheel))), payload_disk(wheel, folder)]
    with Machine(arch, image(arch), disks, CACHE / f"console-{arch.debian}.log") as machine:
        yield Robot(machine)
