"""The demo clip: one person, one dark room, six actions in turn; rendered, so it shows nobody and needs no licence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from calibration.synthetic.bodies.body import Mesh, Proportions, forward, leftward, mesh, skeleton
from calibration.synthetic.bodies.sequence import Act, Segment, perform
from calibration.synthetic.clip import camera_motion
from calibration.synthetic.dark_camera import SENSORS, DarkCamera, exposure_for
from calibration.synthetic.scenery.scene import HEIGHT, WIDTH, Lighting, View, paint, seat
from edge.errors import UsageError
from edge.files import check_can_write, scratch_folder, write_whole
from edge.picture.frame import Image

SEED = 9114  # of the scene; the splits of the synthetic sets have seeds of their own kind (lists)
FPS, SUB_FRAMES = 30.0, 2
MEAN_LUMA = 18.0
# A showcase, the first of the drawn scenes that the default bundle has all right (docs/data.md). Acts begin and end at
# rest, so that they join without a cut.
ACTS = (
    Act("walk", 2.6, 107),
    Act("jump", 2.8, 31, pause_s=0.8),
    Act("sit", 2.0, 12, pause_s=0.8),
    Act("stand", 2.0, 12, pause_s=0.8),
    Act("turn", 2.4, 1),
    Act("run", 2.2, 11),
)


def render() -> tuple[Iterator[Image], list[Segment]]:
    """The demo's frames, uint8 [240,320,3] BGR at FPS, and where its actions are."""
    rng = np.random.default_rng(SEED)
    person = Proportions(stature_m=1.74)
    pose, segments = perform(ACTS, person, FPS * SUB_FRAMES, heading=np.pi / 2)
    offset = np.array([-2.1, 0.0, 3.0])
    figure = skeleton(pose, person)
    skin = mesh(figure, person)
    times = np.arange(len(pose.yaw)) / (FPS * SUB_FRAMES)
    view = View(1.3, 0.13, 245.0, np.zeros((len(times), 2), np.int64))
    target = view.project((figure.joints["neck"] + offset)[:, None])[0][:, 0]
    view = View(view.height_m, view.tilt, view.focal_px, camera_motion(rng, times, target, follow=True))
    lowest = int(np.argmin(pose.pelvis[:, 1]))
    yaw = np.asarray(pose.yaw[lowest])
    chair = seat(
        rng, pose.pelvis[lowest] * [1, 0, 1] + offset, leftward(yaw), forward(yaw), pose.pelvis[lowest, 1] - 0.13
    )
    moved = Mesh(skin.vertices + offset, skin.quads, skin.part, skin.along, skin.around)
    painting = paint(rng, view, moved, Lighting.draw(rng), [chair])
    sensor = SENSORS["c920"]
    exposure = exposure_for(painting.sub_frame(0), sensor, MEAN_LUMA)
    dark = DarkCamera(sensor, exposure, rng)
    return (dark.shoot(light) for light in painting.frames(SUB_FRAMES)), segments


def write(path: Path) -> None:
    """Write the clip (.mp4, MPEG-4) and, beside it, a .json with its true segments [{start_s, end_s, label}]."""
    if path.suffix != ".mp4":
        raise UsageError(f"{path}: expected the name of an .mp4 file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path.parent}: cannot be made ({error.strerror}); name a folder of yours") from error
    truth = path.with_suffix(".json")
    for file, what in ((path, "the clip"), (truth, "its segments")):
        check_can_write(file, what)
    frames, segments = render()
    with scratch_folder("demo") as scratch:
        # Whole only when it is released; a container's index cannot be written into a pipe or a hidden name.
        clip = scratch / "clip.mp4"
        writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
        if not writer.isOpened():
            raise UsageError(f"{path}: OpenCV has no MPEG-4 here; install opencv-python-headless")
        for frame in frames:
            writer.write(frame)
        writer.release()
        write_whole(path, clip.read_bytes())
    write_whole(truth, json.dumps([asdict(s) for s in segments], indent=1) + "\n")
