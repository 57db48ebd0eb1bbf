"""The C harness as a test: every kernel against scalar C, instructions per byte, and how the core is built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.native import counts

ROOT = Path(__file__).parents[2]
needs_compiler = pytest.mark.skipif(
    shutil.which("make") is None or shutil.which("cc") is None,
    reason="needs make and a C compiler (apt: build-essential)",
)


@needs_compiler
def test_every_kernel_of_every_level_is_scalars() -> None:
    found = subprocess.run([counts.build("checkasm")], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "scalar" in found.stdout and "differs" not in found.stdout


@pytest.mark.parametrize("budget", counts.BUDGETS, ids=lambda b: f"{b.level}-{b.kernel}-{b.content}")
@needs_compiler
def test_instructions_per_byte(budget: counts.Budget) -> None:
    if reason := counts.why_not(budget.level):
        pytest.skip(reason)
    assert counts.per_byte(budget) <= budget.instructions


def test_kernels_never_see_python() -> None:
    for path in (ROOT / "edge" / "native").rglob("*.[ch]"):
        if path.name not in ("module.c", "arguments.h"):
            assert "Python.h" not in path.read_text(), path.name


def build_without_a_compiler(place: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "setup.py", "-q", "build_ext", "--force"]
    command += [f"--build-lib={place / 'lib'}", f"--build-temp={place / 'temp'}"]
    environment = (
        {name: value for name, value in os.environ.items() if name != "CI"} | {"CC": "/bin/false"} | environment
    )
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_without_a_compiler_a_user_gets_numpy_and_is_told(tmp_path: Path) -> None:
    found = build_without_a_compiler(tmp_path)
    assert found.returncode == 0
    assert "the C core was not built" in found.stderr
    assert not list((tmp_path / "lib").rglob("_native*"))


def test_without_a_compiler_ci_fails(tmp_path: Path) -> None:
    found = build_without_a_compiler(tmp_path, CI="true")
    assert found.returncode != 0


@needs_compiler
def test_one_binary_for_every_python(tmp_path: Path) -> None:
    """The limited API: the file is named abi3 and asks for no symbol that 3.10 had not."""
    command = [
        sys.executable,
        "setup.py",
        "-q",
        "build_ext",
        f"--build-lib={tmp_path}",
        f"--build-temp={tmp_path}/temp",
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (binary,) = tmp_path.rglob("_native*")
    assert binary.name == f"_native.abi3{'.so' if os.name == 'posix' else sysconfig.get_config_var('EXT_SUFFIX')}"
    if shutil.which("nm") is None:
        pytest.skip("needs nm")
    symbols = subprocess.run(["nm", "-D", "-u", binary], capture_output=True, text=True, check=True).stdout
    stable = {"_Py_NoneStruct", "_Py_Dealloc", "_PyArg_ParseTupleAndKeywords_SizeT"}  # underscored, yet part of the ABI
    private = [name for name in symbols.split() if name.startswith("_Py") and name not in stable]
    assert private == []


@needs_compiler
@pytest.mark.skipif(sys.platform != "linux", reason="needs glibc, before whose malloc the counter is preloaded")
def test_once_it_runs_a_tick_from_the_cameras_buffer_to_the_input_allocates_nothing(tmp_path: Path) -> None:
    counter = tmp_path / "allocations.so"
    here = ROOT / "tests" / "native"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", here / "allocations.c", "-o", counter], check=True)
    command = [sys.executable, "-m", "tests.native.allocating", str(counter)]
    environment = {**os.environ, "LD_PRELOAD": str(counter)}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    counts = {name: int(number) for name, number in (line.split() for line in found.stdout.splitlines())}
    assert counts.pop("copy") > 0  # the counter counts
    assert len(counts) == 12
    assert not any(counts.values()), counts
