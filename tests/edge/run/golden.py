"""Recorded digests of the default bundle's predictions: what no change of the code may move by accident.

Renew after a change that is meant to move them: python -m tests.edge.run.golden --renew
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[3]
RECORD = Path(__file__).with_name("golden.json")
ARID_DARK = ROOT.parent / "shared" / "data" / "arid_dark"
REAL_CLIPS = ("jump_000.mp4", "sit_050.mp4", "walk_116.mp4")
TIMES = ("time", "latency_ms")  # of a prediction: true, and never twice the same


def recordings() -> dict[str, str]:
    """What `--camera` takes, by name; real clips only where they lie beside the checkout."""
    found = {name: ARID_DARK / name for name in REAL_CLIPS}
    return {"demo": "demo"} | {name: f"file:{path}" for name, path in found.items() if path.is_file()}


def digest(camera: str) -> str:
    """SHA-256 of everything that edge-run predicts on a recording, times aside, to the last printed digit."""
    command = [
        sys.executable,
        "-c",
        "import sys; from edge.run.cli import main; sys.exit(main())",
        "--camera",
        camera,
        "--quiet",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    predictions = [{k: v for k, v in line.items() if k not in TIMES} for line in lines if line["type"] == "prediction"]
    assert predictions, f"{camera}: not one prediction"
    return hashlib.sha256(json.dumps(predictions, sort_keys=True).encode()).hexdigest()


def machine() -> str:
    """What rounds: vector units and libraries. Another one may differ in the last bit: a record of its own."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    units = [unit for unit in ("avx2", "avx512f", "avx512_vnni", "asimd", "asimddp") if unit in flags]
    libraries = [f"{name} {version(name)}" for name in ("numpy", "onnxruntime", "opencv-python-headless")]
    return ", ".join([*units, *libraries])


def recorded() -> dict[str, dict[str, str]]:
    """Digests by machine, then by recording."""
    return dict(json.loads(RECORD.read_text(encoding="utf-8")))


def renew() -> None:
    """Record what this machine predicts now."""
    records = recorded() if RECORD.is_file() else {}
    records[machine()] = {name: digest(camera) for name, camera in recordings().items()}
    RECORD.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] != ["--renew"]:
        sys.exit(__doc__)
    renew()
    print(f"{RECORD}: renewed for {machine()}")
