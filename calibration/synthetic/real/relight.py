"""Real bodies, relit in the dark: depth recordings of people get clothes, a light, a place in a rendered scene.

Recordings are as depth.py describes them; each is played at its own rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from calibration.clip_sets import folder, video
from calibration.clip_sets.clips import Clip, ClipSet, Span
from calibration.synthetic.clip import record, robot_motion
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS, identity_of
from calibration.synthetic.real.depth import Recording, checked_rate, fingerprint, load
from calibration.synthetic.real.relit_body import Place, RelitBody
from calibration.synthetic.real.staging import Staging
from calibration.synthetic.scenery.layers import Mover, Shift, composed
from calibration.synthetic.scenery.scene import F32, HEIGHT, OVERSAMPLING, U8, WIDTH, Lighting, View, background, decode
from edge.errors import DataError
from edge.picture.frame import Frame

Rng = np.random.Generator
REVISION = 3
SMALLEST, LARGEST = 1 / 6, 1.6  # of a body that stands upright, by the picture's height
FPS = (15.0, 30.0)  # of the clips; most cameras are slow in the dark


def open_relit(name: str, root: Path, moving: bool = False, staged: bool = False) -> ClipSet:
    """`relit:DIR`: every recording under both lights, with every camera, which stands still or moves with a robot.

    staged: among other people and behind furniture, coming and going. Raises DataError.
    """
    listing = root / "labels.csv"
    if not listing.is_file():
        raise DataError(
            f"{name}: {listing} is missing; DIR needs labels.csv (file,class,actor,fps) and the .npz it lists"
        )
    rows = folder.table(listing)
    labels = tuple(sorted({row["class"] for row in rows}))
    variants = [(light, camera) for light in LIGHTS for camera in CAMERAS]
    clips = []
    for index, row in enumerate(rows):
        path, rate_hz = root / row["file"], _rate(row, f"{listing}: {row['file']}")
        for variant, (light, camera) in enumerate(variants):
            seed, label = (3, index, variant), labels.index(row["class"])
            stage = Staging.draw((*seed, 1)) if staged else None
            how = f"{'moving' if moving else 'still'}{' staged' if staged else ''}"
            clips.append(
                Clip(
                    name=f"{path.stem}_{light}_{camera}",
                    label=label,
                    source=partial(render, path, rate_hz, seed, camera, light, moving, stage),
                    made_by=f"relit {REVISION} {index} {rate_hz} {light} {identity_of(camera)} {how}",
                    file=video.existing(path),
                    actor=row.get("actor") or None,
                    camera=camera,
                    light=light,
                    recorded=partial(fingerprint, path),
                    spans=() if stage is None else (Span(*stage.acts(_duration_s(row, path, rate_hz)), label),),
                )
            )
    return ClipSet(name, labels, clips)


def _rate(row: dict[str, str], where: str) -> float | None:
    """What the table says; None where it says nothing."""
    if not row.get("fps"):
        return None
    try:
        told = float(row["fps"])
    except ValueError as error:
        raise DataError(f"{where}: fps: expected frames a second, found {row['fps']!r}") from error
    return checked_rate(told, where)


def _duration_s(row: dict[str, str], path: Path, rate_hz: float | None) -> float:
    frames = row.get("frames", "")
    if rate_hz is None or not frames.isdecimal():
        return load(path, rate_hz).duration_s
    return (int(frames) - 1) / rate_hz


def render(
    path: Path,
    rate_hz: float | None,
    seed: Sequence[int],
    camera: str,
    light: str,
    moving: bool,
    stage: Staging | None = None,
) -> Iterator[Frame]:
    """Frames of a relit recording: 320x240, at 15 or 30 fps; a pure function of the file and the seed.

    rate_hz: recorded frames a second; None where the file itself says it. Raises DataError.
    """
    rng = np.random.default_rng(list(seed))
    recording = load(path, rate_hz)
    fps = FPS[0] if rng.random() < 0.7 else FPS[1]
    yield from record(rng, _lights(rng, recording, fps, moving, stage), fps, camera, light, live=True)


def _lights(rng: Rng, recording: Recording, fps: float, moving: bool, stage: Staging | None) -> Iterator[F32]:
    """Linear light [HEIGHT,WIDTH,3]."""
    place = _place(rng, recording)
    lighting = Lighting.draw(rng)
    shutter_s, mirrored = float(rng.uniform(0.012, 0.033)), bool(rng.random() < 0.5)
    if stage is None:
        duration_s = recording.duration_s
        movers: list[Mover] = [RelitBody(rng, recording, place, lighting, mirrored=mirrored, shutter_s=shutter_s)]
    else:
        duration_s = stage.lasts_s(recording.duration_s)
        movers = stage.movers(rng, recording, place, lighting, mirrored, shutter_s)
    times = np.arange(max(2, int(duration_s * fps + 1e-6) + 1)) / fps
    shift = robot_motion(rng, times) if moving else np.zeros((len(times), 2), np.int64)
    # The room's horizon crosses the body where it did before the depth camera, which looks down a little.
    backdrop, origin = background(rng, View(1.4, place.tilt(WIDTH), WIDTH, shift))
    for time_s, moved in zip(times.tolist(), shift, strict=True):
        pixels: Shift = (float(moved[0]) / OVERSAMPLING, float(moved[1]) / OVERSAMPLING)
        layers = [layer for mover in movers if (layer := mover.layer(time_s, pixels)) is not None]
        yield composed(_window(backdrop, *(origin - moved).tolist()), layers)


def _place(rng: Rng, recording: Recording) -> Place:
    """From far off to larger than the picture; all sizes of one doubling are as frequent as those of another."""
    share = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    column = float(np.clip(rng.normal(0.5, 0.2), 0.1, 0.9))
    middle_px = rng.uniform(0.45, 0.65) * HEIGHT
    # What is larger than the picture loses its legs, not its head.
    return Place.of(recording, column, middle_px + max(0.0, 0.4 * (share - 1) * HEIGHT), share)


def _window(backdrop: U8, x: int, y: int) -> F32:
    window = backdrop[y : y + HEIGHT * OVERSAMPLING, x : x + WIDTH * OVERSAMPLING]
    return decode(np.asarray(cv2.resize(window, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))
