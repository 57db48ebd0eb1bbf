"""Who may import whom: the one table. In a room, an entry may import those that stand before it and never one after."""

from __future__ import annotations

PACKAGES = ("edge", "calibration", "distill", "quantize", "benchmarks")
NOT_EACH_OTHER = ("distill", "quantize")  # what passes between them is a bundle

# From the ground up. Every room inside a room stands here; of single files, those whose place is worth saying.
ORDER: dict[str, tuple[str, ...]] = {
    "": PACKAGES,
    "edge": (
        *("errors", "printable", "paths", "utf8", "files", "streams", "yaml_files"),
        *("fields", "messages", "timing", "command", "shipped"),
        *("native", "picture", "bundles", "board", "cameras", "engines", "recognition", "outputs"),
        *("run", "deploy", "doctor"),
    ),
    "edge.native": ("scalar", "arm", "x86", "motion"),  # C, which does not include each other
    "edge.cameras": ("base", "holding", "v4l2", "csi", "gstreamer", "network", "recordings", "source", "finding"),
    "edge.recognition": ("tracks", "inputs", "recogniser"),
    "calibration": (
        "jobs",
        "clip_sets",
        "synthetic",
        "sets",
        "tensors",
        "evaluation",
        "deciding",
        "measurement",
        "cli",
    ),
    "quantize": ("normal_form", "graph", "observing", "judging", "rewriting", "search", "telling", "cli"),
    "distill": ("enhance", "training", "teachers", "students", "cli"),
    "distill.students": ("network", "recipe", "sources", "stages", "starts", "job"),
    "calibration.synthetic": ("recordings", "bodies", "scenery", "real"),
    "calibration.evaluation": ("report", "html", "streams", "cli"),
    "calibration.evaluation.streams": ("truth", "composing", "heard", "scores", "running", "report", "page", "command"),
    "distill.teachers": ("networks", "recipe", "training"),
    "benchmarks": ("aarch64", "makers", "other_cameras", "peers"),
}

MOST_ENTRIES = 12  # files and rooms in one room: what a reader takes in at a glance
# `edge/` is the floor plan itself: its rooms and its ground files are counted apart.
COUNTED_APART = ("edge",)
