"""The C core on emulated ARM processors: the part of this ring that every run of the tests has."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.arm.run import PROCESSORS
from tests.native import counts


@pytest.mark.skipif(bool(counts.why_not("neon")), reason=f"{counts.why_not('neon')}")
@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_kernel_is_scalars_on_a_raspberry_pi(processor: str) -> None:
    command = ["qemu-aarch64-static", str(counts.build("checkasm-arm"))]
    environment = {**os.environ, "QEMU_CPU": processor}  # an instruction that it does not have is a crash
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "neon" in found.stdout and "differs" not in found.stdout
