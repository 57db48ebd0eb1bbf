"""Small data sets in every published form, written to disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

# Key of the data set -> the folder under the data root, its folder of videos.
PLACES = {
    "ellar": ("ELLAR", "videos"),
    "arid": ("ARID", "data"),
    "arid15": ("ARID_v1.5", "data"),
    "ug2": ("ARID_UG2", "videos"),
    "dark48": ("Dark48", "videos"),
}
# (split, file, label) of a sound data set; ARID's labels: 1 is Jump, 9 is Walk.
CLIPS = {
    "ellar": [
        ("train", "Sit/LL_brio_p1_0.avi", 0),
        ("train", "Walk/LL_c920_p1_1.avi", 1),
        ("train", "Walk/ELL_c920_p2_2.avi", 1),
        ("val", "Sit/ELL_brio_p2_3.avi", 0),
        ("test", "Walk/LL_brio_p3_4.avi", 1),
    ],
    "arid": [
        (f"split{number}_{part}", file, label)
        for number in (1, 2, 3)
        for part, file, label in (
            ("train", "Jump/Jump_1_1.mp4", 1),
            ("train", "Walk/Walk_2_1.mp4", 9),
            ("test", "Walk/Walk_1_2.mp4", 9),
            ("other", "Jump/Jump_4_4.mp4", 1),
        )
    ],
    "ug2": [("train", "Jump/a.mp4", 1), ("train", "Walk/b.mp4", 9), ("val", "Walk/c.mp4", 9), ("test", "d.mp4", 1)],
    "dark48": [
        ("train", "clap/a.mp4", 0),
        ("train", "wave/b.mp4", 1),
        ("val", "wave/c.mp4", 1),
        ("test", "clap/d.mp4", 0),
    ],
}
CLIPS["arid15"] = CLIPS["arid"]


def write_video(path: Path, seed: int = 0, frames: int = 6, fps: float = 15.0) -> None:
    """A video whose content depends on its seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = "mp4v" if path.suffix == ".mp4" else "MJPG"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, (64, 48))
    noise = np.random.default_rng(seed).integers(0, 40, (48, 64, 3), np.uint8)
    for i in range(frames):
        writer.write(noise + np.uint8(5 * i))
    writer.release()


def write_set(root: Path, key: str) -> Path:
    """A sound data set under a data root; returns its own folder."""
    folder, videos = PLACES[key]
    for seed, file in enumerate(dict.fromkeys(file for _, file, _ in CLIPS[key])):
        write_video(root / folder / videos / file, seed)
    for split in dict.fromkeys(split for split, _, _ in CLIPS[key]):
        write_list(list_path(root, key, split), lines(key, split))
    return root / folder


def list_path(root: Path, key: str, split: str) -> Path:
    names = {
        "ellar": f"ELLAR_label_{split}.txt",
        "ug2": f"ARID1.1_t1_{split}_pub.csv",
        "dark48": f"dark48_{split}_list.txt",
    }
    return root / PLACES[key][0] / names.get(key, f"list_cvt/ARID_{split}.txt")


def lines(key: str, split: str) -> list[str]:
    """The list of a split in its data set's form."""
    rows = [(file, label) for of, file, label in CLIPS[key] if of == split]
    if key == "ug2":
        return ["VideoID,Video,ClassID", *(f"{i},{file},{label}" for i, (file, label) in enumerate(rows))]
    if key in ("arid", "arid15"):
        return [f"{i}\t{label}\t{file}" for i, (file, label) in enumerate(rows)]
    if key == "dark48" and split == "val":
        return [f"{file} 6 {label}" for file, label in rows]
    return [f"{file} {label}" for file, label in rows]


def write_list(path: Path, rows: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
