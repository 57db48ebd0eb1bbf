"""`relit:DIR`: real bodies in the dark: depth recordings of people get clothes, light, a place in a rendered scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calibration.clip_sets import folder, video
from calibration.clip_sets.clips import Clip, ClipSet
from calibration.synthetic.clip import record, robot_motion
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS, identity_of, open_shutter
from calibration.synthetic.recordings.depth import Recording, fps_of, load
from calibration.synthetic.recordings.relit import RelitBody
from calibration.synthetic.scenery.layers import Shift, composed
from calibration.synthetic.scenery.scene import F32, HEIGHT, OVERSAMPLING, WIDTH, View
from calibration.synthetic.scenery.walls import RenderedWall
from edge.errors import DataError
from edge.picture.frame import Frame

Rng = np.random.Generator
REVISION = 3
FPS = (15.0, 30.0)
SLOW_SHARE = 0.7  # of the clips have the first of FPS: cameras are slow in the dark
PER_FRAME = 2
SHUTTER_S = (0.012, 0.033)
SHARES = (1 / 6, 1.5)  # of the picture's height that a standing body has


def open_relit(name: str, root: Path, moving: bool = False) -> ClipSet:
    """Every recording under both lights, with every camera, which stands still or moves with a robot.

    Raises DataError.
    """
    listing = root / "labels.csv"
    if not listing.is_file():
        raise DataError(f"{name}: {listing} is missing; DIR needs labels.csv (file,class,actor) and the .npz it lists")
    rows = folder.table(listing)
    labels = tuple(sorted({row["class"] for row in rows}))
    clips = []
    for index, row in enumerate(rows):
        path, fps = root / row["file"], fps_of(row, str(listing))
        for variant, (light, camera) in enumerate((light, camera) for light in LIGHTS for camera in CAMERAS):
            kind = "moving" if moving else "still"
            clips.append(
                Clip(
                    name=f"{path.stem}_{light}_{camera}",
                    label=labels.index(row["class"]),
                    source=partial(render, path, fps, (3, index, variant), camera, light, moving),
                    made_by=f"relit {REVISION} {index} {fps:g} {light} {identity_of(camera)} {kind}",
                    file=video.existing(path),
                    actor=row.get("actor") or None,
                    camera=camera,
                    light=light,
                )
            )
    return ClipSet(name, labels, clips)


def render(path: Path, fps: float, seed: Sequence[int], camera: str, light: str, moving: bool) -> Iterator[Frame]:
    """Frames of a recording that was taken at `fps`, relit: 320x240, at 15 or 30 frames a second of its own time.

    A pure function of the file and the seed. Raises DataError.
    """
    rng = np.random.default_rng(list(seed))
    recording = load(path, fps)
    taken_at = FPS[0] if rng.random() < SLOW_SHARE else FPS[1]
    yield from record(rng, _lights(rng, recording, taken_at, moving), taken_at, camera, light, live=True)


def _lights(rng: Rng, recording: Recording, fps: float, moving: bool) -> Iterator[F32]:
    """Linear light [HEIGHT,WIDTH,3], frame after frame."""
    share = float(np.exp(rng.uniform(*np.log(SHARES))))
    place = _place(rng, recording, share)
    count = max(1, int(recording.length_s * fps))
    offsets = ((np.arange(PER_FRAME) + 0.5) / PER_FRAME) * rng.uniform(*SHUTTER_S)
    times = (np.arange(count)[:, None] / fps + offsets).ravel()
    shift = robot_motion(rng, times) if moving else np.zeros((len(times), 2), np.int64)
    wall = RenderedWall.draw(rng, View(1.4, rng.uniform(-0.1, 0.3), WIDTH, shift))
    body = RelitBody(rng, recording, share, place)

    def instant(time_s: float, moved: npt.NDArray[np.int64]) -> F32:
        by: Shift = (float(moved[0]) / OVERSAMPLING, float(moved[1]) / OVERSAMPLING)
        layer = body.layer(time_s, by)
        return composed(wall.light(time_s, by), [] if layer is None else [layer])

    return open_shutter(map(instant, times.tolist(), shift), PER_FRAME)


def _place(rng: Rng, recording: Recording, share: float) -> tuple[float, float]:
    """Column of the hips and row of the feet.

    What is larger than the picture loses its legs, not its head; what is small stays in the picture with its feet.
    """
    column = float(np.clip(rng.normal(0.5, 0.2), 0.1, 0.9) * WIDTH)
    centre = rng.uniform(0.45, 0.65) * HEIGHT + max(0.0, 0.4 * (share - 1) * HEIGHT)
    return column, float(centre + 0.5 * share * HEIGHT)
