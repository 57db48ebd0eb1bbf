"""What each step of `quantize` is worth for a float bundle, and what the whole costs in CPU time.

python -m benchmarks.makers.quantize [--float BUNDLE] [--clips 24]
python -m benchmarks.makers.quantize --whole 512       # the command itself on so many clips; minutes
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import onnx

from calibration.clip_sets.labels import known_clips
from calibration.jobs.shards import ShardTeam
from calibration.sets import open_set
from calibration.tensors import Geometry
from edge.bundles.bundle import Bundle
from quantize.judging.fidelity import HeldOutClips
from quantize.observing.estimators import ESTIMATORS, estimated
from quantize.observing.parts import ClipShare, LabelledClip, load_share
from quantize.observing.ranges import observe, reach
from quantize.observing.tensor_statistics import Range
from quantize.rewriting.balance import balanced
from quantize.rewriting.bias import bias_corrected
from quantize.rewriting.drift import mean_outputs, undrifted
from quantize.rewriting.equalise import equalised
from quantize.rewriting.levels import on_levels, tied
from quantize.rewriting.qdq import U8S8, prepared, quantized
from quantize.search import integer_bundle

WHOLE = ("biases", "branches", "drift")
STEPS = ("plain", "+ biases expect rounding", "+ branches balanced", "+ channels equalised", "+ drift taken back")
FLOAT_BUNDLE = Path(__file__).parents[2] / "bundles" / "ellar-edge-s-float32"


def main() -> None:
    """Print every figure, a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--float", type=Path, default=FLOAT_BUNDLE, dest="float_bundle", help="(%(default)s)")
    parser.add_argument("--calib", default="synthetic_val", metavar="SET", help="a third of it judges (%(default)s)")
    parser.add_argument("--clips", type=int, default=24, help="of the set (%(default)s)")
    parser.add_argument("--whole", type=int, metavar="CLIPS", help="time `quantize --limit CLIPS` instead")
    parser.add_argument("--workers", type=int, default=2, help="processes that decode (%(default)s)")
    options = parser.parse_args()
    if options.whole:
        whole(options.float_bundle, options.calib, options.whole, options.workers)
    else:
        steps(Bundle.load(options.float_bundle), options.calib, options.clips, options.workers)


def steps(source: Bundle, set_name: str, count: int, workers: int) -> None:
    """Divergence from float on held-out clips for every estimator, one correction after the other added."""
    clips = known_clips(open_set(set_name, limit=count), source.manifest.labels)[0]
    with tempfile.TemporaryDirectory() as scratch:
        share, judges = (
            _load(source, part, Path(scratch), workers) for part in (clips[: -count // 3], clips[-count // 3 :])
        )
        held_out, states = HeldOutClips(source, judges), source.manifest.states
        plain = prepared(source.student_bytes())
        students = [
            _Float(source, model, share) for model in (plain, equalised(plain, states, reach(plain, states, share)))
        ]
        print(f"{len(share.places)} clips calibrate, {len(judges.places)} judge; {U8S8.name}; nats a tick (logits, dB)")
        print(f"| ranges | {' | '.join(STEPS)} |\n|{'---|' * (len(STEPS) + 1)}")
        for estimator in ESTIMATORS:
            made = [students[0].made(estimator, *steps) for steps in ((), ("biases",), ("biases", "branches"))]
            made += [students[1].made(estimator, *steps) for steps in (("biases", "branches"), WHOLE)]
            found = [held_out.judge(bundle) for bundle in made]
            print(
                f"| {estimator} | {' | '.join(f'{f.divergence:.5f} ({f.logits_db:.1f})' for f in found)} |", flush=True
            )


def whole(source: Path, set_name: str, clips: int, workers: int) -> None:
    """Wall and CPU time of the command."""
    start_s, before_s = time.monotonic(), _children_cpu_s()
    with tempfile.TemporaryDirectory() as scratch:
        out = str(Path(scratch) / "int8")
        arguments = ["--calib", set_name, "--limit", str(clips), "--model", str(source), "--out", out, "--force"]
        subprocess.run([sys.executable, "-m", "quantize.cli", *arguments, "--workers", str(workers)], check=True)
    cpu_s = _children_cpu_s() - before_s
    print(f"quantize, {clips} clips of {set_name}: {time.monotonic() - start_s:.0f} s, {cpu_s:.0f} s of CPU time")


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _load(source: Bundle, clips: list[LabelledClip], scratch: Path, workers: int) -> ClipShare:
    return load_share(
        clips, Geometry.of(source.manifest), scratch, workers, ShardTeam(), lambda clip, error: print(clip.name, error)
    )


class _Float:
    """A float student, equalised or not, and what calibration saw of it."""

    def __init__(self, source: Bundle, model: onnx.ModelProto, share: ClipShare) -> None:
        self._source, self._model, self._share = source, model, share
        self._statistics = observe(model, source.manifest.states, share)
        self._means = mean_outputs(model, source.manifest.states, share)

    def made(self, estimator: str, *steps: str) -> Bundle:
        """Its integer student with these of `WHOLE`."""
        states = self._source.manifest.states
        model, means = self._model, self._statistics.means
        ranges: Mapping[str, Range] = tied(model, estimated(self._statistics, estimator))
        if "branches" in steps:
            ready = balanced(model, ranges, means)
            model, ranges, means = ready.model, ready.ranges, ready.means
        if "biases" in steps:
            model = bias_corrected(model, means, ())
        student, levels = quantized(model, ranges, states, U8S8)
        if "drift" in steps:
            student = undrifted(student, levels, self._means, self._share)
        return integer_bundle(self._source, on_levels(student), levels)


if __name__ == "__main__":
    main()
