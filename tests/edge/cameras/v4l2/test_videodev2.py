"""Our structures and ioctl numbers are those of the kernel's header, as the compilers of our targets lay them out."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.cameras.v4l2 import videodev2 as v4l2

STRUCTURES = {
    v4l2.Capability: ("v4l2_capability", {"device_caps": "device_caps", "bus_info": "bus_info"}),
    v4l2.FormatDescription: ("v4l2_fmtdesc", {"pixelformat": "pixelformat"}),
    v4l2.FrameSize: ("v4l2_frmsizeenum", {"type": "type", "size": "discrete"}),
    v4l2.FrameInterval: ("v4l2_frmivalenum", {"type": "type", "interval": "discrete"}),
    v4l2.Format: ("v4l2_format", {"fmt": "fmt"}),
    v4l2.PixelFormat: (
        "v4l2_pix_format",
        {"bytesperline": "bytesperline", "colorspace": "colorspace", "quantization": "quantization"},
    ),
    v4l2.CaptureParameters: ("v4l2_streamparm", {"timeperframe": "parm.capture.timeperframe"}),
    v4l2.RequestBuffers: ("v4l2_requestbuffers", {"memory": "memory", "flags": "flags"}),
    v4l2.Buffer: (
        "v4l2_buffer",
        {
            "bytesused": "bytesused",
            "flags": "flags",
            "seconds": "timestamp.tv_sec",
            "microseconds": "timestamp.tv_usec",
            "sequence": "sequence",
            "m": "m",
            "length": "length",
            "request_fd": "request_fd",
        },
    ),
    v4l2.ControlValue: ("v4l2_control", {"value": "value"}),
    v4l2.ControlQuery: ("v4l2_queryctrl", {"minimum": "minimum", "default": "default_value", "flags": "flags"}),
}
REQUESTS = (
    *("QUERYCAP", "ENUM_FMT", "G_FMT", "S_FMT", "REQBUFS", "QUERYBUF", "QBUF", "DQBUF", "STREAMON", "STREAMOFF"),
    *("G_PARM", "S_PARM", "G_CTRL", "S_CTRL", "QUERYCTRL", "ENUM_FRAMESIZES", "ENUM_FRAMEINTERVALS"),
)


def ours() -> dict[str, int]:
    found = {f"VIDIOC_{name}": getattr(v4l2, name) for name in REQUESTS}
    for structure, (name, fields) in STRUCTURES.items():
        found[f"sizeof {name}"] = ctypes.sizeof(structure)
        found |= {f"{name}.{theirs}": getattr(structure, field).offset for field, theirs in fields.items()}
    return found


def expressions() -> dict[str, str]:
    found = {f"VIDIOC_{name}": f"VIDIOC_{name}" for name in REQUESTS}
    for name, fields in STRUCTURES.values():
        found[f"sizeof {name}"] = f"sizeof(struct {name})"
        found |= {f"{name}.{field}": f"offsetof(struct {name}, {field})" for field in fields.values()}
    return found


@pytest.mark.parametrize(("compiler", "runner"), [("cc", []), ("aarch64-linux-gnu-gcc", ["qemu-aarch64-static"])])
def test_the_layouts_are_the_headers(compiler: str, runner: list[str], tmp_path: Path) -> None:
    missing = [tool for tool in (compiler, *runner) if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    prints = "\n".join(
        f'printf("%llu {name}\\n", (unsigned long long)({text}));' for name, text in expressions().items()
    )
    includes = "#include <linux/videodev2.h>\n#include <stddef.h>\n#include <stdio.h>\n"
    source, program = tmp_path / "layouts.c", tmp_path / "layouts"
    source.write_text(f"{includes}int main(void) {{ {prints} return 0; }}\n")
    subprocess.run([compiler, "-static", "-o", program, source], check=True)
    lines = subprocess.run([*runner, program], check=True, capture_output=True, text=True).stdout.splitlines()
    header = {name: int(value) for value, name in (line.split(" ", 1) for line in lines)}
    assert ours() == header


def test_fourccs() -> None:
    assert (v4l2.fourcc(0x56595559), v4l2.code("YUYV")) == ("YUYV", 0x56595559)
    assert (v4l2.fourcc(v4l2.code("Y8")), v4l2.code("Y8")) == ("Y8", 0x20203859)
