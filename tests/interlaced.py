"""Recordings of interlaced pictures, as old cameras and television make them; OpenCV cannot write these, PyAV can."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags

CODECS = {"h264": ("libx264", {"x264-params": "interlaced=1:keyint=15"}), "mpeg2": ("mpeg2video", {})}


def write_interlaced(
    path: Path,
    codec: str = "h264",
    frames: int = 40,
    size: tuple[int, int] = (240, 320),
    interlaced: bool = True,
    format: str | None = None,
) -> Path:
    """A bright square that moves through noise. format: of the container, by the name if not given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name, options = CODECS[codec]
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(name, rate=30, options=options if interlaced else {})
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = size
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        if interlaced:
            stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        for i in range(frames):
            image = rng.integers(2, 12, (*size, 3), np.uint8)
            image[40:80, 10 + 2 * i : 50 + 2 * i] += 60
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
