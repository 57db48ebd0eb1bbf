"""Reading and rendering data sets, on this machine: `python -m benchmarks.makers.calibration [--rendering]`.

Decoding and preprocessing against a plain OpenCV loop of the same work, one process and two; `calibration check` of
10,000 listed clips, with the memory of all its processes together; people rendered from joints, in clips of 2.5 s at 15
frames a second. Ratios count, times are this machine's. --rendering: that alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from calibration.clip_sets.clips import Clip
from calibration.jobs.parallel import in_order
from calibration.sets import open_set
from calibration.synthetic.bodies.body import Proportions, skeleton
from calibration.synthetic.bodies.motions import MOTIONS
from calibration.synthetic.clip import record
from calibration.synthetic.dark_camera import CAMERAS, LIGHTS
from calibration.synthetic.real import skeletons
from calibration.synthetic.recordings.skeletons import JOINTS, Joints
from calibration.tensors import Geometry, clip_tensors, stream_tensors
from edge.picture import reference

ROOT = Path(__file__).parents[2]
CLIPS, FRAMES = 16, 30
ROUNDS = 5
RENDERED = 48
LISTED = 10_000
GEOMETRY = Geometry()


def write_clips(folder: Path) -> Sequence[Clip]:
    """Dark noise with a square that moves, 640x480 motion JPEG at 15 fps, as a camera records it."""
    (folder / "walk").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(CLIPS):
        writer = cv2.VideoWriter(
            str(folder / "walk" / f"{number}.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 15.0, (640, 480)
        )
        for i in range(FRAMES):
            picture = rng.integers(2, 14, (480, 640, 3), np.uint8)
            picture[180:320, 4 * i : 4 * i + 100] += 25
            writer.write(picture)
        writer.release()
    return open_set(f"folder:{folder}").clips


def _all_tensors(clip: Clip) -> None:
    clip_tensors(clip.frames(), GEOMETRY)


def plain_opencv(path: Path) -> None:
    """The same work as one would write it: decode, shrink, statistics, and under every gamma table and optical flow."""
    capture = cv2.VideoCapture(str(path))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    size = (GEOMETRY.input_width, GEOMETRY.input_height)
    before: list[np.ndarray] = []
    while (grabbed := capture.read())[0]:
        small = cv2.resize(grabbed[1], (GEOMETRY.width, GEOMETRY.height), interpolation=cv2.INTER_AREA)
        counts = np.sum([cv2.calcHist([small], [c], None, [256], [0, 256]).ravel() for c in range(3)], axis=0)
        cv2.meanStdDev(small)
        present = np.flatnonzero(counts)
        p = counts[present] / counts.sum()
        float(-(p * np.log(p)).sum())
        now = []
        for gamma in GEOMETRY.gammas:
            table = np.zeros(256, np.uint8)
            reference.gic_table(int(present[0]), int(present[-1]), gamma, table)
            now.append(cv2.cvtColor(cv2.LUT(small, table), cv2.COLOR_BGR2GRAY))
        for old, new in zip(before, now, strict=False):
            vectors = flow.calc(cv2.GaussianBlur(old, (5, 5), 1.0), cv2.GaussianBlur(new, (5, 5), 1.0), None)  # type: ignore[call-overload]  # its stub wants the flow that it makes
            vectors = cv2.resize(vectors, size, interpolation=cv2.INTER_AREA)
            vectors -= np.median(vectors.reshape(-1, 2), axis=0)
            velocity = np.clip(np.rint(vectors * GEOMETRY.levels_per_pixel + 128), 0, 255).astype(np.uint8)
            np.dstack([cv2.resize(new, size, interpolation=cv2.INTER_AREA), velocity])
        before = now


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def one_process(clips: Sequence[Clip], folder: Path) -> None:
    """Interleaved, so that both see the same busy machine."""
    ours, plain = [], []
    for _ in range(ROUNDS):
        for clip in clips[:2]:
            ours.append(seconds(partial(_all_tensors, clip)))
            plain.append(seconds(partial(plain_opencv, folder / clip.name)))
    rate = FRAMES / median(ours)
    print(
        f"decode + preprocess: {rate:.0f} frames/s, {median(plain) / median(ours):.2f} x a plain OpenCV loop (goal 1)"
    )


def clips_per_second(clips: Sequence[Clip], workers: int) -> float:
    """From the first clip's arrival on: what a data set of thousands sees."""
    with tempfile.TemporaryDirectory() as cache:
        stream = stream_tensors(clips, GEOMETRY, Path(cache), workers)
        next(stream)
        start = time.perf_counter()
        rest = sum(1 for _ in stream)
        return rest / (time.perf_counter() - start)


def two_processes(clips: Sequence[Clip]) -> None:
    ratios = [clips_per_second(clips, 2) / clips_per_second(clips, 1) for _ in range(3)]
    print(f"two processes: {median(ratios):.2f} x one (goal 1.8), {os.cpu_count()} cores")


def write_listed(root: Path) -> None:
    """ELLAR's layout with LISTED tiny clips, each of other content; all of one size, so that all must be compared."""
    videos = root / "ELLAR" / "videos"
    template = root / "template.avi"
    writer = cv2.VideoWriter(str(template), cv2.VideoWriter.fourcc(*"MJPG"), 15.0, (32, 24))
    for level in range(3):
        writer.write(np.full((24, 32, 3), 10 * level, np.uint8))
    writer.release()
    content = template.read_bytes()
    lines = []
    for number in range(LISTED):
        label = number % 12
        folder = videos / f"Action{label:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.avi").write_bytes(content + number.to_bytes(4, "little"))
        lines.append(f"{folder.name}/{number}.avi {label}\n")
    for split, part in (("train", lines[:7000]), ("val", lines[7000:8000]), ("test", lines[8000:])):
        (root / "ELLAR" / f"ELLAR_label_{split}.txt").write_text("".join(part))


def resident_mb(process: int) -> float:
    """Of a process and its children together."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in (process, *children)]
    except (FileNotFoundError, ProcessLookupError):  # one has just ended
        return 0.0
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def check(root: Path, workers: int) -> None:
    command = [sys.executable, "-m", "calibration.cli", "check", "ellar", "--data-root", str(root)]
    start, peak = time.perf_counter(), 0.0
    run = subprocess.Popen([*command, "--workers", str(workers)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while run.poll() is None:
        peak = max(peak, resident_mb(run.pid))
        time.sleep(0.05)
    took = time.perf_counter() - start
    verdict = run.stdout.read().splitlines()[-1] if run.stdout else ""
    print(
        f"check of {LISTED} clips, {workers} workers: {LISTED / took:.0f} clips/s, {took:.1f} s, at most {peak:.0f} MB "
        f"resident (goal: under 300); {verdict.partition(' in ')[0]}"
    )


def joints_of(action: str, seed: int) -> Joints:
    """As a depth camera would have recorded an action of ours, 2.5 s."""
    person = Proportions.draw(np.random.default_rng(seed))
    pose = MOTIONS[action](np.random.default_rng(seed), person, np.arange(76) / 30)
    body = skeleton(pose, person).joints
    names = {"head": "crown", "spine": "waist", "hips": "pelvis"}
    parts = {"hand": "fingers", "foot": "toes"}
    ours = (names.get(n) or "_".join(parts.get(part, part) for part in n.split("_")) for n in JOINTS)
    return Joints(np.stack([body[name] for name in ours], axis=1), 30.0)


def render_one(seed: int, moving: bool) -> float:
    """One clip of somebody from somewhere, taken by one of the cameras; returns the processor's seconds."""
    cv2.setNumThreads(1)
    action = tuple(MOTIONS)[seed % len(MOTIONS)]
    recording, rng = joints_of(action, seed), np.random.default_rng([seed, int(moving)])
    start = time.process_time()
    lights = skeletons.lights(rng, recording, action, 15.0, moving)
    camera, light = CAMERAS[seed % len(CAMERAS)], LIGHTS[seed % 2]
    for _ in record(rng, lights, 15.0, camera, light, live=True, metered=skeletons.METERED):
        pass
    return time.process_time() - start


def rendering(moving: bool) -> None:
    """With two processes; where others are busy, the processor's time tells more than the clock."""
    work = in_order(partial(render_one, moving=moving), range(RENDERED + 2), 2)
    for _ in range(2):
        next(work)[1].result()
    start = time.perf_counter()
    spent = [future.result() for _, future in work]
    took = time.perf_counter() - start
    print(
        f"people from joints, {'moving' if moving else 'still'} camera: two processes {RENDERED / took:.1f} clips/s of "
        f"2.5 s at 15 frames a second (goal 12); {1000 * sum(spent) / RENDERED:.0f} ms of processor a clip, that is "
        f"{2 * RENDERED / sum(spent):.1f} clips/s on two free cores"
    )


def main() -> None:
    """Print every figure, a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rendering", action="store_true", help="people rendered from joints alone")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for moving in (False, True):
        rendering(moving)
    if options.rendering:
        return
    with tempfile.TemporaryDirectory() as folder:
        clips = write_clips(Path(folder) / "clips")
        one_process(clips, Path(folder) / "clips")
        two_processes(clips)
        write_listed(Path(folder))
        for workers in (1, 2):
            check(Path(folder), workers)


if __name__ == "__main__":
    main()
