"""A second of real pictures, opened as edge-run opens them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from edge.cameras.base import Camera, CameraSource, CameraStallError
from edge.doctor.findings import Finding, error, ok, warning
from edge.errors import CameraError, PictureError
from edge.picture.front_end import FrontEnd
from edge.recognition.health import BLACK, DAMAGED, FROZEN, SATURATED, PictureHealth

AREA = "camera"
FIRST_S = 5.0  # until the first picture; some cameras take seconds to start
WATCH_S = 1.5
MOST_PICTURES = 200  # a recording gives thousands a second
SMALL = (120, 160)  # as a bundle's small frame
PICTURES = {
    BLACK: "take off the lens cap; if the room is that dark, give it light",
    SATURATED: "the exposure is for the dark: darken the room, or use a profile of its own for light",
    FROZEN: "unplug the camera and plug it in again",
    DAMAGED: "take a shorter cable, or a port of the board's own instead of a hub",
}


@dataclass(frozen=True)
class CameraSample:
    """times_s: capture times of the pictures. means: brightness of those that decode, 0..255. reasons: of health."""

    times_s: tuple[float, ...]
    means: tuple[float, ...]
    reasons: tuple[str | None, ...]

    @property
    def mean(self) -> float:
        """Brightness of the middle picture."""
        return median(self.means) if self.means else 0.0

    @property
    def reason(self) -> str | None:
        """Why most of the pictures lead to no label; None if most do."""
        reason, count = Counter(self.reasons).most_common(1)[0]
        return reason if count > len(self.reasons) / 2 else None

    @property
    def fps(self) -> float:
        """Pictures per second between the first and the last."""
        span_s = self.times_s[-1] - self.times_s[0]
        return (len(self.times_s) - 1) / span_s if span_s > 0 else 0.0


def check(source: CameraSource, interval_ms: float | None) -> Iterator[Finding]:
    """Open it, say what it did not take, and look at its pictures. interval_ms: between ticks of the model."""
    try:
        with source.open() as camera:
            for note in camera.notes:
                yield warning(AREA, f"{source.name} opening", note, "docs/cameras.md: a profile of your own")
            watched = watch(camera)
    except CameraError as problem:
        yield error(AREA, f"{source.name} pictures", str(problem), "repair what this message names")
        return
    if source.live:
        yield judge_rate(source.name, watched, interval_ms)
    yield judge_picture(source.name, watched)


def watch(camera: Camera) -> CameraSample:
    """Read for a moment. Raises CameraError if nothing comes."""
    front_end, health = FrontEnd(*SMALL), PictureHealth()
    times_s: list[float] = []
    means: list[float] = []
    reasons: list[str | None] = []
    end_s = time.monotonic() + FIRST_S
    while time.monotonic() < end_s and len(times_s) < MOST_PICTURES:
        try:
            frame = camera.read(min(0.5, WATCH_S))
        except CameraStallError:
            continue
        if frame is None:
            break
        if not times_s:
            end_s = time.monotonic() + WATCH_S
        times_s.append(frame.capture_time_s)
        try:
            statistics = front_end.measure(frame.bgr())
        except PictureError:
            reasons.append(DAMAGED)
            continue
        means.append(statistics.mean)
        reasons.append(health.check(statistics, front_end.small, frame.capture_time_s))
    if not times_s:
        raise CameraError(f"{camera.name}: opened, but no picture came for {FIRST_S:g} s")
    return CameraSample(tuple(times_s), tuple(means), tuple(reasons))


def judge_rate(name: str, watched: CameraSample, interval_ms: float | None) -> Finding:
    """Slower than the model's tick is slower than it was trained for."""
    found = f"{watched.fps:.1f} pictures a second"
    if interval_ms is not None and watched.fps < 0.9e3 / interval_ms:
        repair = "keep its exposure under the frame time (see the findings above), or give the room more light"
        return warning(AREA, f"{name} rate", f"{found}; the model ticks {1e3 / interval_ms:.1f} times", repair)
    return ok(AREA, f"{name} rate", found)


def judge_picture(name: str, watched: CameraSample) -> Finding:
    """A picture that leads to no label."""
    found = f"mean brightness {watched.mean:.1f} of 255"
    if watched.reason:
        return warning(AREA, f"{name} picture", f"{watched.reason}, {found}", PICTURES[watched.reason])
    return ok(AREA, f"{name} picture", found)
