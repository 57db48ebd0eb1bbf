"""Runs commands for the host: `{"command": [...], "timeout_s": 30}` gives `{"code": 0, "out": "...", "err": "..."}`.

Every answer has the guest's clock in it, `clock_s`: by that the host knows whether it has waited long enough.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any

from tests.vm.guest.channel import serve


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Run one command to its end."""
    done = subprocess.run(
        question["command"],
        capture_output=True,
        text=True,
        timeout=question["timeout_s"],
        input=question.get("stdin", ""),
    )
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr, "clock_s": time.monotonic()}


if __name__ == "__main__":
    serve("edge.agent", answer)
