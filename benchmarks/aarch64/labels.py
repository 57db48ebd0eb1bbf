"""The same labels on aarch64 as here: a bundle in onnxruntime's aarch64 wheel, under qemu's user mode.

python -m benchmarks.aarch64.labels [--bundle BUNDLE] [--set NAME] [--limit N]     exit code 1: a label differs

The pictures that the network sees are made here once and taken there as they are, so that only the engine differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.aarch64.guest import FOLDER, guest
from benchmarks.aarch64.recognise import recognised
from calibration.sets import open_set
from calibration.tensors import Geometry, clip_tensors
from edge.bundles.bundle import Bundle, default_bundle_path

F32 = npt.NDArray[np.float32]


def main() -> int:
    """Compare every clip's label, under every gamma with its head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=default_bundle_path())
    parser.add_argument("--set", default="synthetic_test", help="a data set by name (%(default)s)")
    parser.add_argument("--limit", type=int, default=12, help="clips of it (%(default)s)")
    options = parser.parse_args()
    board = guest()
    pictures, answers = FOLDER / "pictures.npz", FOLDER / "answers.npz"
    geometry = Geometry.of(Bundle.load(options.bundle).manifest)
    clips = open_set(options.set, None, options.limit, 0).clips
    streams: dict[str, Any] = {str(i): clip_tensors(clip.frames(), geometry).x for i, clip in enumerate(clips)}
    np.savez(pictures, **streams)
    script = board.folder / "site" / "benchmarks" / "aarch64" / "recognise.py"
    print(board.run(script, options.bundle.resolve(), pictures, answers), end="")
    with np.load(pictures) as x, np.load(answers) as there:
        return verdict(recognised(options.bundle, x), there)


def verdict(here: Mapping[str, F32], there: Mapping[str, F32]) -> int:
    """Print how alike both are; 1 where a clip's label differs. float32 [gammas,T,heads,classes] by clip."""
    ticks = same = labels = 0
    largest, others = 0.0, []
    for name, all_logits in here.items():
        # Each gamma is judged by its own head.
        heads = range(len(all_logits))
        mine, yours = (np.stack([logits[g, :, g] for g in heads]) for logits in (all_logits, there[name]))
        ticks += mine[..., 0].size
        same += int((mine.argmax(-1) == yours.argmax(-1)).sum())
        largest = max(largest, float(np.abs(mine - yours).max()))
        a, b = (_clip_labels(logits) for logits in (mine, yours))
        labels += len(a)
        others += [f"clip {name}, head {g}" for g in heads if a[g] != b[g]]
    print(f"clips under every gamma: {labels - len(others)} of {labels} have the same label; {'; '.join(others)}")
    print(f"ticks: {same} of {ticks} have the same likeliest label; largest difference of a logit {largest:.3g}")
    return 1 if others else 0


def _clip_labels(logits: F32) -> npt.NDArray[np.intp]:
    """As edge-eval decides: the largest mean of the probabilities over the ticks."""
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    decided: npt.NDArray[np.intp] = (odds / odds.sum(-1, keepdims=True)).mean(1).argmax(-1)
    return decided


if __name__ == "__main__":
    sys.exit(main())
