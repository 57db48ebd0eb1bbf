"""Runs commands for the host: `{"command": [...], "timeout_s": 30}` gives `{"code": 0, "out": "...", "err": "..."}`.

Every answer has the guest's clock in it, `clock_s`: by that the host knows whether it has waited long enough.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Any

from tests.vm.guest.channel import serve


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Run one command to its end; after `timeout_s` it is killed with all that it started."""
    command, pipe = question["command"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        try:
            out, err = process.communicate(question["stdin"], question["timeout_s"])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return {"code": process.returncode, "out": out, "err": err, "clock_s": time.monotonic()}


if __name__ == "__main__":
    serve("edge.agent", answer)
