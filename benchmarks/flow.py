"""Optical flow in the dark against the truth: the motion stage beside OpenCV's, and what each costs.

python -m benchmarks.flow [--clips 18]

Rendered people before cameras that stand, shake and follow (calibration/synthetic/truth.py), every clip under both
lights. Endpoint error in pixels of the 160x120 luma per tick, mean over cells of 4x4 pixels that a moving body covers,
by light, expert and speed; `rest` is where nothing moves by itself. OpenCV's methods see what today's `change_flow`
stage gives them (sums, binning, gain, gamma, blur); `as used` is what reaches the network: relative to the camera, and
zero where nothing changes. Times are ratios within one run, one thread, medians of interleaved looks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.pipeline import dark_frames
from calibration.synthetic.bodies.motions import SIX
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS
from calibration.synthetic.truth import PER_FRAME, KnownMotion, known_motion
from edge.bundles.manifest import ExpertSpec, FrontEndSpec, GateSpec, InputSpec
from edge.picture.frame import Frame, Image
from edge.recognition.inputs.base import NetworkInput
from edge.recognition.inputs.change_flow import ChangeFlow
from edge.recognition.inputs.motion import Motion

F32 = npt.NDArray[np.float32]
Flow = Callable[[Image, Image], F32]

GATE = GateSpec((1.5, 2.0, 3.0), 1, 1, (ExpertSpec(), ExpertSpec(2, 2, 1), ExpertSpec(4, 4, 2)))
FRONT_END = FrontEndSpec(120, 160, fraction_bits=4)
LEVELS = 3.0  # of velocity: fine enough to judge, coarse enough for what is fast
CELLS = (30, 40)
FIRST, EVERY, DURATION_S = 8, 3, 1.6
SPEEDS = ((0.25, 1.0), (1.0, 3.0), (3.0, 1e9))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=18, help="rendered under each light (%(default)s)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    accuracy(options.clips)
    speed()


def accuracy(clips: int) -> None:
    """Endpoint errors, a line per light, expert and method."""
    errors: dict[tuple[str, int, str], list[Errors]] = {}
    for number in range(clips):
        for light in LIGHTS:
            camera = CAMERAS[number % len(CAMERAS)]
            clip = known_motion((9, number), (8, number), SIX[number % len(SIX)], camera, light, DURATION_S)
            for expert in range(len(GATE.experts)):
                for name, found in judged(clip, expert):
                    errors.setdefault((light, expert, name), []).append(found)
    print(f"{'light':5} {'expert':7} {'method':22} {'slow':>6} {'1 to 3':>6} {'faster':>6} {'moving':>7} {'rest':>6}")
    for light, expert, name in sorted(errors, key=lambda key: (key[0] != "LL", *key[1:])):
        row = GATE.experts[expert]
        means = Errors.together(errors[light, expert, name]).means()
        cells = " ".join(f"{mean:6.2f}" for mean in means)
        print(f"{light:5} {row.binning}^2 x {row.accumulation} {name:22} {cells}")


@dataclass(frozen=True)
class Errors:
    """Endpoint errors and speeds [N] of a body's cells, errors where nothing moves by itself [M]."""

    body: F32
    speed: F32
    rest: F32

    @staticmethod
    def together(parts: list[Errors]) -> Errors:
        """All of them as one."""
        return Errors(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("body", "speed", "rest")))

    def means(self) -> list[float]:
        """By speed, of all that moves, of the rest."""
        by_speed = [self.body[(self.speed >= low) & (self.speed < high)] for low, high in SPEEDS]
        return [float(values.mean()) if values.size else np.nan for values in (*by_speed, self.body, self.rest)]


def judged(clip: KnownMotion, expert: int) -> list[tuple[str, Errors]]:
    """Every method on a clip as this expert sees it."""
    ours, today = Watched(Motion), Watched(ChangeFlow)
    found: dict[str, list[Errors]] = {}
    for t, frame in enumerate(clip.frames):
        ours.input.take(frame)
        today.input.take(frame)
        if t < FIRST or (t - FIRST) % EVERY:
            continue
        truth, camera, covered = true_cells(clip, t)
        seen = ours.velocity(expert)
        used = today.velocity(expert)
        flows = {"motion stage": seen + ours.camera, "motion stage, as used": seen, "DIS fast, as used": used}
        for name, method in methods().items():
            flows[name] = opencv(method, today.input, expert)
        for name, flow in flows.items():
            wanted = truth if name.endswith("as used") else truth + camera
            found.setdefault(name, []).append(compared(flow, wanted, truth, covered))
    return [(name, Errors.together(parts)) for name, parts in found.items()]


class Watched:
    """An input stage whose velocities are read back out of `x`, pixels per tick."""

    def __init__(self, form: type[Motion] | type[ChangeFlow]) -> None:
        name = "motion" if form is Motion else "change_flow"
        self.input: NetworkInput = form(FRONT_END, InputSpec(name, *CELLS, LEVELS), GATE)

    def velocity(self, expert: int) -> F32:
        """Relative to the camera: float32 [30,40,2]."""
        x = self.input.see(expert)
        assert x is not None
        return (x[0, ..., 1:].astype(np.float32) - 128) / np.float32(LEVELS)

    @property
    def camera(self) -> F32:
        """The camera's part, as the stage saw it: float32 [30,40,2]."""
        assert isinstance(self.input, Motion)
        dx, dy, zoom, turn = self.input.camera_motion
        y, x = np.mgrid[0 : CELLS[0], 0 : CELLS[1]]
        x, y = 2 * x + 0.5 - (2 * CELLS[1] - 1) / 2, 2 * y + 0.5 - (2 * CELLS[0] - 1) / 2
        towards_before = np.stack([dx + zoom * x - turn * y, dy + turn * x + zoom * y], axis=-1)
        return np.asarray(-2 * towards_before, np.float32)


def methods() -> dict[str, Flow]:
    """OpenCV's, each from the newest picture to the one before."""
    found: dict[str, Flow] = {}
    for name, preset in (("fast", cv2.DISOPTICAL_FLOW_PRESET_FAST), ("medium", cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)):
        dis = cv2.DISOpticalFlow.create(preset)
        found[f"DIS {name}"] = lambda now, before, dis=dis: dis.calc(now, before, None)  # type: ignore[misc]
    found["Farneback"] = lambda now, before: np.asarray(
        cv2.calcOpticalFlowFarneback(now, before, None, 0.5, 3, 15, 3, 5, 1.2, 0),  # type: ignore[call-overload]
        np.float32,
    )
    contrib = getattr(cv2, "optflow", None)  # not in the plain build
    if contrib is not None:
        colour = cv2.COLOR_GRAY2BGR
        found["RLOF"] = lambda now, before: np.asarray(
            contrib.calcOpticalFlowDenseRLOF(cv2.cvtColor(now, colour), cv2.cvtColor(before, colour), None),
            np.float32,
        )
    return found


def opencv(method: Flow, stage: NetworkInput, expert: int) -> F32:
    """What the method says of the pictures that the `change_flow` stage makes: float32 [30,40,2] per tick."""
    assert isinstance(stage, ChangeFlow)
    before, now = (cv2.GaussianBlur(picture, (5, 5), 1.0) for picture in stage.lifted(expert))
    flow = -method(np.asarray(now, np.uint8), np.asarray(before, np.uint8)) / GATE.experts[expert].stride
    return np.asarray(cv2.resize(flow, CELLS[::-1], interpolation=cv2.INTER_AREA), np.float32)


def true_cells(clip: KnownMotion, t: int) -> tuple[F32, F32, F32]:
    """Since the tick before: a body's own motion [30,40,2], the camera's [2], pixels of 160; share covered [30,40]."""
    flow, share = clip.flow(t, t - 1)
    covered = np.asarray(cv2.resize(share, CELLS[::-1], interpolation=cv2.INTER_AREA), np.float32)
    moved = np.asarray(cv2.resize(flow * share[..., np.newaxis], CELLS[::-1], interpolation=cv2.INTER_AREA), np.float32)
    own = moved / (2 * np.maximum(covered, 1e-6)[..., np.newaxis]) * (covered >= 0.5)[..., np.newaxis]
    shift = clip.painting.view.shift
    middle = PER_FRAME * t + PER_FRAME // 2
    return own, np.asarray((shift[middle] - shift[middle - PER_FRAME]) / 4, np.float32), covered


def compared(flow: F32, wanted: F32, own: F32, covered: F32) -> Errors:
    """Endpoint errors by where the body is."""
    error = np.hypot(*(flow - wanted).transpose(2, 0, 1))
    own_speed = np.hypot(*own.transpose(2, 0, 1))
    body = (covered >= 0.5) & (own_speed >= SPEEDS[0][0])
    return Errors(error[body], own_speed[body], error[covered < 0.01])


def speed() -> None:
    """How much faster the stage is than `change_flow`, with somebody moving and in an empty room."""
    rng = np.random.default_rng(0)
    moving = dark_frames(30)
    wall = moving[0].image.astype(np.float32)
    empty = [Frame(np.clip(wall + rng.normal(0, 2, wall.shape), 0, 255).astype(np.uint8), i, i / 15) for i in range(30)]
    print("\nOne look, median of interleaved runs")
    for title, frames in (("one that moves", moving), ("an empty room", empty)):
        for expert, row in enumerate(GATE.experts):
            stages = {"change_flow": Watched(ChangeFlow).input, "motion": Watched(Motion).input}
            times_ms: dict[str, list[float]] = {name: [] for name in stages}
            for t, frame in enumerate(frames * 4):
                for name, stage in stages.items():
                    stage.take(frame)
                    started = time.perf_counter()
                    stage.see(expert)
                    if t > 10:
                        times_ms[name].append((time.perf_counter() - started) * 1e3)
            today, ours = (float(np.median(times_ms[name])) for name in ("change_flow", "motion"))
            kind = f"{row.binning}^2 x {row.accumulation}"
            print(f"{title:15} {kind}: change_flow {today:.2f} ms, motion {ours:.3f} ms, {today / ours:.1f} times")


if __name__ == "__main__":
    main()
