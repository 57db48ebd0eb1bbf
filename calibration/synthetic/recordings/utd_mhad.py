"""UTD-MHAD (Chen, Jafari and Kehtarnavaz, ICIP 2015) as `relit:DIR` reads it: `calibration convert utd-mhad`.

Published: a<1..27>_s<1..8>_t<1..4>_depth.mat (`d_depth` [240,320,T], millimetres, the person alone), _skeleton.mat
(`d_skel` [20,3,T], metres) and _inertial.mat (`d_iner` [N,6], 50 a second over the same time). The depth camera gave
its frames unevenly and slower than the 30 a second that are mostly assumed: the inertial sensor tells the true rate.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calibration.jobs.progress import show_progress
from calibration.synthetic.recordings.matlab import Array, read_arrays
from edge.errors import EXIT_STOPPED, DataError, UsageError
from edge.paths import user_path

INERTIAL_HZ = 50.0
PLAUSIBLE_FPS = (5.0, 35.0)
PERSON_SHARE = 0.5  # of the picture at most: more is a scene whose background was not taken away
LICENCE = "research use"
SOURCE = "UTD-MHAD (Chen et al. 2015)"
PEOPLE = tuple(f"s{number}" for number in range(1, 9))
# The authors' numbers: their name of the action, and ours; what is none of ours is `other`.
ACTIONS: Mapping[int, tuple[str, str]] = {
    1: ("swipe_left", "other"),
    2: ("swipe_right", "other"),
    3: ("wave", "wave"),
    4: ("clap", "clap"),
    5: ("throw", "throw"),
    6: ("arm_cross", "other"),
    7: ("basketball_shoot", "other"),
    8: ("draw_x", "other"),
    9: ("draw_circle_cw", "other"),
    10: ("draw_circle_ccw", "other"),
    11: ("draw_triangle", "other"),
    12: ("bowling", "other"),
    13: ("boxing", "box"),
    14: ("baseball_swing", "other"),
    15: ("tennis_swing", "other"),
    16: ("arm_curl", "other"),
    17: ("tennis_serve", "other"),
    18: ("push", "push"),
    19: ("knock", "other"),
    20: ("catch", "other"),
    21: ("pickup_throw", "pick"),
    22: ("jog_in_place", "run"),
    23: ("walk_in_place", "walk"),
    24: ("sit_to_stand", "stand"),
    25: ("stand_to_sit", "sit"),
    26: ("lunge", "lunge"),
    27: ("squat", "squat"),
}
COLUMNS = ("file", "class", "orig_action", "actor", "trial", "frames", "fps", "source", "licence")


@dataclass(frozen=True)
class Take:
    """One performance. depth_mm: uint16 [T,h,w], cropped to the person; origin_yx: of the crop in `full_hw`.

    skel_m: float32 [T,20,3]. fps: the true rate.
    """

    depth_mm: npt.NDArray[np.uint16]
    origin_yx: tuple[int, int]
    full_hw: tuple[int, int]
    skel_m: npt.NDArray[np.float32]
    fps: float


def read_take(depth_file: Path, skeleton_file: Path, inertial_file: Path) -> Take:
    """Read one performance. Raises DataError that names the file and what is wrong with it."""
    depth = _named(depth_file, "d_depth", (None, None, None))
    skeleton = _named(skeleton_file, "d_skel", (20, 3, None))
    inertial = _named(inertial_file, "d_iner", (None, 6))
    frames = min(depth.shape[2], skeleton.shape[2])
    fps = depth.shape[2] / (len(inertial) / INERTIAL_HZ)
    if not PLAUSIBLE_FPS[0] <= fps <= PLAUSIBLE_FPS[1]:
        raise DataError(
            f"{inertial_file}: {len(inertial)} samples at {INERTIAL_HZ:g} Hz beside {depth.shape[2]} depth frames are "
            f"{fps:.1f} frames a second; expected {PLAUSIBLE_FPS[0]:g} to {PLAUSIBLE_FPS[1]:g}: are they of one take?"
        )
    levels = np.ascontiguousarray(depth[:, :, :frames].transpose(2, 0, 1))
    if levels.min() < 0 or levels.max() > np.iinfo(np.uint16).max:
        raise DataError(f"{depth_file}: expected millimetres, found {levels.min():g} to {levels.max():g}")
    rows, columns = _extent(levels, 1), _extent(levels, 2)
    if not len(rows) or np.count_nonzero(levels) > PERSON_SHARE * levels.size:
        raise DataError(
            f"{depth_file}: expected a person alone before depth 0, found {np.count_nonzero(levels) / levels.size:.0%} "
            "of the pixels with a depth; take the background away first"
        )
    cropped = levels[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint16)
    joints = skeleton[:, :, :frames].transpose(2, 0, 1).astype(np.float32)
    return Take(cropped, (int(rows[0]), int(columns[0])), (depth.shape[0], depth.shape[1]), joints, fps)


def convert(source: Path, target: Path, people: Sequence[str], other: bool) -> Counter[str]:
    """Convert every take of these people below `source`; a folder and a table labels.csv in `target`.

    other: take the actions too that are none of ours. Returns how many of each class. Raises DataError, UsageError.
    """
    takes = list(_takes(source, people, other))
    if not takes:
        raise DataError(
            f"{source}: expected files such as a3_s1_t2_depth.mat beside _skeleton.mat and _inertial.mat, found none "
            f"of {', '.join(people)}"
        )
    if (target / "labels.csv").exists():
        raise UsageError(f"{target}: there are recordings already; name another folder")
    target.mkdir(parents=True, exist_ok=True)
    rows, progress = [], show_progress("converting", "recordings")
    for done, (action, person, trial, files) in enumerate(takes, 1):
        take = read_take(*files)
        name = f"a{action:02d}_{person}_t{trial}.npz"
        with (target / name).open("wb") as file:
            np.savez_compressed(
                file,
                depth_mm=take.depth_mm,
                origin_yx=np.array(take.origin_yx),
                full_hw=np.array(take.full_hw),
                skel_m=take.skel_m,
                fps=np.float64(take.fps),
            )
        theirs, ours = ACTIONS[action]
        rows.append((name, ours, theirs, person, trial, len(take.depth_mm), f"{take.fps:.2f}", SOURCE, LICENCE))
        progress(done, len(takes))
    with (target / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    return Counter(str(row[1]) for row in rows)


def _takes(source: Path, people: Sequence[str], other: bool) -> Iterator[tuple[int, str, int, tuple[Path, ...]]]:
    """Action, person, trial, and the files of depth, skeleton and inertial sensor, in order. Raises DataError."""
    found: dict[str, Path] = {path.name: path for path in sorted(source.rglob("*.mat"))}
    for name in sorted(found, key=lambda one: [int(part) if part.isdigit() else 0 for part in re.split(r"(\d+)", one)]):
        match = re.fullmatch(r"a(\d+)_(s\d+)_t(\d+)_depth\.mat", name)
        if match is None or int(match[1]) not in ACTIONS or match[2] not in people:
            continue
        if ACTIONS[int(match[1])][1] == "other" and not other:
            continue
        beside = [name.replace("_depth", f"_{kind}") for kind in ("skeleton", "inertial")]
        missing = [one for one in beside if one not in found]
        if missing:
            raise DataError(f"{found[name]}: {' and '.join(missing)} is missing; unpack Skeleton and Inertial, too")
        yield int(match[1]), match[2], int(match[3]), (found[name], *(found[one] for one in beside))


def _named(path: Path, name: str, shape: Sequence[int | None]) -> Array:
    arrays = read_arrays(path)
    if name not in arrays:
        raise DataError(f"{path}: expected an array {name}, found {', '.join(arrays) or 'none'}")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits or not array.size:
        wanted = ",".join("any" if side is None else str(side) for side in shape)
        raise DataError(f"{path}: {name}: expected [{wanted}], found {list(array.shape)}")
    return array


def _extent(levels: Array, axis: int) -> npt.NDArray[np.intp]:
    """Where along an axis there is anything in any frame."""
    return np.flatnonzero((levels != 0).any(axis=tuple(other for other in range(3) if other != axis)))


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`calibration convert utd-mhad --from DIR --out DIR`."""
    parser = commands.add_parser("convert", help="a published data set in the form that we read")
    parser.add_argument("dataset", choices=("utd-mhad",), help="which one")
    parser.add_argument("--from", dest="source", type=user_path, required=True, metavar="DIR", help="its .mat files")
    parser.add_argument("--out", type=user_path, required=True, metavar="DIR", help="for .npz files and labels.csv")
    parser.add_argument("--people", default=",".join(PEOPLE), metavar="s1,s2", help="of these alone (%(default)s)")
    parser.add_argument("--other", action="store_true", help="with the actions that are none of ours, as `other`")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    people = tuple(one.strip() for one in options.people.split(","))
    unknown = [one for one in people if one not in PEOPLE]
    if unknown:
        raise UsageError(f"--people: expected some of {', '.join(PEOPLE)}, found {unknown[0]!r}")
    counts = convert(options.source, options.out, people, options.other)
    print(f"{counts.total()} recordings: {', '.join(f'{label} {counts[label]}' for label in sorted(counts))}")
    print(f"wrote {options.out}; `relit:{options.out}` reads it")
    return EXIT_STOPPED
