"""A folder in which the documents' commands run as they are written, with small data under the names that they use.

CLIPS, OTHERS         folders of clips, a folder a class, of moving squares
takes                 clips of one class, without a folder for it
DIR                   a data root with an imitation of ELLAR
FLOAT, INT8           a tiny float bundle, and another where a page has one; student.onnx: a bare network
clip.mp4, own.yaml    a clip; a camera's profile
IMAGE                 the root of a robot's system, without a robot
bundles, benchmarks   the repository's
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from edge.bundles.bundle import write_bundle
from tests.calibration.trees import write_video
from tests.clips import write_square_folder
from tests.docs.programs import OURS
from tests.prose import ROOT
from tests.students import tiny_files, tiny_manifest, tiny_student

ELLAR_CLASSES = ("Sit", "Walk")
PROGRAM = """#!{python}
import sys
from {module} import main
if __name__ == "__main__":  # processes that it starts import it
    sys.argv[0] = {name!r}
    sys.exit(main())
"""


class Workplace:
    """A prepared folder. Programs are those of this checkout; home, caches and temporary files are its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def prepare(folder: Path) -> None:
        """Fill a new folder, for copies of it to be workplaces."""
        for name in ("bin", "home", "tmp"):
            (folder / name).mkdir(parents=True)
        for name, module in OURS.items():
            _program(folder / "bin" / name, PROGRAM.format(python=sys.executable, module=module, name=name))
        _program(folder / "bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        for room in ("bundles", "benchmarks"):
            (folder / room).symlink_to(ROOT / room)
        _write_data(folder)
        _write_image(folder / "IMAGE")

    def run(self, command: str, timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
        """A command line, as in a terminal whose folder this is."""
        own = {name: str(self.folder / "home") for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
        path = os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", "")])
        environment = {**os.environ, **own, "PATH": path, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder / "tmp")}
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.folder,
            env=environment,
            text=True,
            capture_output=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )


def _program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _write_data(folder: Path) -> None:
    student = tiny_student()
    for name in ("FLOAT", "INT8", "my-int8"):
        write_bundle(folder / name, tiny_manifest(student), tiny_files(student))
    (folder / "student.onnx").write_bytes(student.streaming_onnx())
    for name in ("CLIPS", "OTHERS"):
        write_square_folder(folder / name, 6)
    shutil.copytree(folder / "CLIPS/left", folder / "takes")
    write_video(folder / "clip.mp4", frames=40)
    shutil.copy(ROOT / "firmware_configs/cameras/arducam_b0200.yaml", folder / "own.yaml")
    pattern = folder / "DIR/ELLAR/ELLAR_pattern.txt"
    pattern.parent.mkdir(parents=True)
    pattern.write_text(r"(?P<light>E?LL)_(?P<camera>[a-z0-9]+)_(?P<actor>p\d+)" + "\n", encoding="utf-8")
    for seed, split in enumerate(("train", "val", "test")):
        rows = []
        for number in range(8):
            label = number % len(ELLAR_CLASSES)
            name = f"{ELLAR_CLASSES[label]}/{'LL' if number < 4 else 'ELL'}_brio_p{number % 3}_{split}{number}.avi"
            write_video(folder / "DIR/ELLAR/videos" / name, 100 * seed + number, frames=20)
            rows.append(f"{name} {label}\n")
        (folder / f"DIR/ELLAR/ELLAR_label_{split}.txt").write_text("".join(rows), encoding="utf-8")


def _write_image(root: Path) -> None:
    program = root / "opt/ellar-edge/bin/edge-run"
    program.parent.mkdir(parents=True)
    _program(program, "#!/opt/ellar-edge/bin/python\n")
    _program(program.with_name("python"), "")
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nrobot:x:1000:1000::/:/bin/sh\n", encoding="utf-8")
