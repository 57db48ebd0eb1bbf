"""Instructions per byte of the dark kernels, under valgrind (x86-64) and qemu (aarch64), against a table.

Counts do not depend on how busy a machine is, so they can be asserted where times can not. `make native-counts` prints
them; tests/native/test_native.py asserts them.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "native"
BYTES = 3 * 224 * 224  # a frame of network size


@dataclass(frozen=True)
class Budget:
    """At most this many instructions per byte; `content` as checkasm names it (dark: mean 6, maximum 20)."""

    level: str
    kernel: str
    content: str
    instructions: float


BUDGETS = (
    Budget("avx2", "histogram", "dark", 1.0),
    Budget("avx2", "lut", "dark", 0.3),
    Budget("neon", "histogram", "dark", 1.3),
    Budget("neon", "lut", "dark", 0.8),
    Budget("avx2", "histogram", "lamp", 1.5),
    Budget("avx2", "lut", "random", 2.5),
    Budget("neon", "lut", "random", 1.25),
)


def why_not(level: str) -> str | None:
    """What is missing to count this level's instructions here, or None."""
    if shutil.which("make") is None:
        return "needs make"
    if level == "neon":
        missing = [tool for tool in ("aarch64-linux-gnu-gcc", "qemu-aarch64-static") if shutil.which(tool) is None]
        return f"needs {', '.join(missing)}: make native-test-arm installs them" if missing else None
    if platform.machine() not in ("x86_64", "AMD64"):
        return "needs an x86-64 machine"
    return None if shutil.which("valgrind") else "needs valgrind"


def per_byte(budget: Budget) -> float:
    """Instructions per byte of one call: the difference between two calls and one, so that nothing else counts."""
    count = _qemu if budget.level == "neon" else _callgrind
    arguments = ["count", budget.level, budget.kernel, budget.content, str(BYTES)]
    return (count([*arguments, "2"]) - count([*arguments, "1"])) / BYTES


def build(program: str) -> Path:
    """The harness, built by make/native.mk."""
    target = f"build/native/{program}"
    subprocess.run(["make", "-s", "-f", "make/native.mk", target], cwd=ROOT, check=True)
    return ROOT / target


def _callgrind(arguments: list[str]) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(build("checkasm")), *arguments]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(r"Collected\s*:\s*(\d+)", output)
    assert found, output
    return int(found[1])


def _qemu(arguments: list[str]) -> int:
    """One line per executed instruction: blocks of one instruction each, none chained to the next."""
    program = str(build("checkasm-arm"))
    command = ["qemu-aarch64-static", "-singlestep", "-d", "exec,nochain", program, *arguments]
    lines = 0
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while chunk := process.stderr.read(1 << 20):
            lines += chunk.count(b"\n")
    assert process.returncode == 0, f"{command} exited with {process.returncode}"
    return lines


def main() -> int:
    """Print every count beside its budget; 1 if one is above."""
    over = False
    for budget in BUDGETS:
        what = f"{budget.level:7} {budget.kernel:10} {budget.content:7}"
        if reason := why_not(budget.level):
            print(f"{what} not counted: {reason}")
            continue
        found = per_byte(budget)
        over |= found > budget.instructions
        print(f"{what} {found:6.3f} instructions/byte (at most {budget.instructions})")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
