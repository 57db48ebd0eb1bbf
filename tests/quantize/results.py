"""A whole `QuantizeResult` for tests: the real float and INT8 bundle of the repository, invented decisions.

What a report shows of decisions does not depend on where they come from; kernels, times, sizes and memory do, and are
measured on the real students.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from calibration.clip_sets.clips import Clip
from calibration.evaluation.scores import ClipResult, Evaluation
from edge.bundles.bundle import Bundle, default_bundle_path
from quantize.result import Coverage, Fidelity, IntegerCandidate, Layer, QuantizeResult, TargetResult, Trial

FLOAT_PATH = Path(__file__).parents[2] / "bundles" / "ellar-edge-s-float32"


def evaluation(labels: tuple[str, ...], wrong: set[int], clips: int = 48) -> Evaluation:
    """Labels, lights and cameras in turn; the clips in `wrong` are decided as the next label."""
    results = []
    for i in range(clips):
        clip = Clip(
            f"clip {i}", i % len(labels), lambda: iter(()), "", camera=f"cam{i % 3}", light=("LL", "ELL")[i % 2]
        )
        decided = (clip.label + (i in wrong)) % len(labels)
        probabilities = np.eye(len(labels), dtype=np.float32)[decided]
        results.append(ClipResult(clip, clip.label, probabilities, 20, {1.5: 12, 3.0: 8} if i % 4 else {3.0: 20}))
    return Evaluation("invented", labels, tuple(results), {})


def quantize_result(
    before: set[int] = frozenset({0, 7, 8}),  # type: ignore[assignment]
    after: set[int] = frozenset({0, 7, 9, 11}),  # type: ignore[assignment]
    target: str = "x86",
    integer: Bundle | None = None,
    max_drop: float = 5.0,
) -> QuantizeResult:
    """Float is wrong on the clips in `before`, the one candidate on those in `after`."""
    source, integer = Bundle.load(FLOAT_PATH), integer or Bundle.load(default_bundle_path())
    labels = source.manifest.labels
    fidelity = Fidelity(logits_db=21.5, divergence=0.012, agreement=0.97, drop=0.4)
    layers = (
        Layer("halve.0", "Conv", 31.2, dataclasses.replace(fidelity, drop=0.1), True),
        Layer("shifted.0 <&>", "Conv", 24.9, fidelity, True),
        Layer("heads", "Conv", 19.8, None, False),
    )
    trials = (Trial("min-max", (), fidelity), Trial("mse", ("heads",), dataclasses.replace(fidelity, logits_db=24.0)))
    candidate = IntegerCandidate(
        "U8S8", "onnxruntime", integer, "mse", trials, 1, layers, evaluation(labels, set(after))
    )
    return QuantizeResult(
        source=source,
        float_evaluation=evaluation(labels, set(before)),
        targets=(TargetResult(target, Path("out"), integer, (candidate,), (0,), "the only build"),),
        coverage=Coverage(
            clips=96,
            ticks=2000,
            by={"expert": {"0": 2000, "1": 2000, "2": 2000}, "light": {"LL": 1500, "ELL": 500}},
            gate_ticks={0: 1200, 2: 800},
            warnings=("light ELL has 500 ticks only",),
        ),
        calibration_clips=64,
        held_out_clips=32,
        acceptance_selection="synthetic_val --limit 48 --seed 0",
        command="quantize --calib synthetic_val --model FLOAT --target x86 --out DIR",
        seed=0,
        max_drop=max_drop,
        versions={"onnxruntime": "1.31.1"},
    )
