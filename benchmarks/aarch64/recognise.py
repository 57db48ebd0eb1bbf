"""Runs on both sides: the logits of recorded streams, in onnxruntime.

python recognise.py BUNDLE PICTURES.npz ANSWERS.npz    pictures: per clip, uint8 [streams,T,H,W,3]
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from edge.bundles.bundle import Bundle
from edge.engines.onnxruntime import OnnxRuntimeSession


def recognised(bundle: Path, clips: Mapping[str, npt.NDArray[np.uint8]]) -> dict[str, npt.NDArray[np.float32]]:
    """Per clip, float32 [streams,T,heads,classes]; every stream starts anew."""
    student = OnnxRuntimeSession(Bundle.load(bundle))
    found = {}
    for name, streams in clips.items():
        logits = []
        for stream in streams:
            student.reset()
            logits.append([student.step(tick[np.newaxis]) for tick in stream])
        found[name] = np.array(logits)
    return found


if __name__ == "__main__":
    with np.load(sys.argv[2]) as pictures:
        logits: dict[str, Any] = recognised(Path(sys.argv[1]), pictures)
        np.savez(sys.argv[3], **logits)
    print(f"onnxruntime {ort.__version__} on {platform.machine()}")
