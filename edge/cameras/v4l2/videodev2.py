"""The kernel's V4L2 interface (linux/videodev2.h) as ctypes structures and ioctl numbers; nothing happens here.

The layouts are those of the kernel's 64-bit time (`v4l2_buffer`): all 64-bit machines, and 32-bit ones since Linux 5.6.
"""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_int64, c_uint8, c_uint32, c_ulong

CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
MMAP = 1  # V4L2_MEMORY_MMAP
CAP_VIDEO_CAPTURE, CAP_STREAMING, CAP_DEVICE_CAPS = 0x1, 0x0400_0000, 0x8000_0000
CAP_TIMEPERFRAME = 0x1000
BUFFER_ERROR = 0x40
TIMESTAMP_MASK, TIMESTAMP_MONOTONIC = 0xE000, 0x2000
DISCRETE = 1  # V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_DISCRETE
COLORSPACE_JPEG, FULL_RANGE, LIMITED_RANGE = 7, 1, 2
CONTROL_NEXT, CONTROL_DISABLED, CONTROL_READ_ONLY, CONTROL_INACTIVE = 0x8000_0000, 0x1, 0x4, 0x10
CONTROL_CLASS, CONTROL_MENU, CONTROL_INTEGER_MENU = 6, 3, 9  # V4L2_CTRL_TYPE_*


class Capability(ctypes.Structure):
    """struct v4l2_capability."""

    _fields_ = (
        ("driver", ctypes.c_char * 16),
        ("card", ctypes.c_char * 32),
        ("bus_info", ctypes.c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class FormatDescription(ctypes.Structure):
    """struct v4l2_fmtdesc."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_uint8 * 32),
        ("pixelformat", c_uint32),
        ("mbus_code", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class Fraction(ctypes.Structure):
    """struct v4l2_fract."""

    _fields_ = (("numerator", c_uint32), ("denominator", c_uint32))


class FrameSize(ctypes.Structure):
    """struct v4l2_frmsizeenum; size: width, height; of a range the least, most and step of the width, then height."""

    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("type", c_uint32),
        ("size", c_uint32 * 6),
        ("reserved", c_uint32 * 2),
    )


class FrameInterval(ctypes.Structure):
    """struct v4l2_frmivalenum; `interval` is the discrete one, or the shortest and the longest of a range."""

    _fields_ = (
        ("index", c_uint32),
        ("pixel_format", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("interval", Fraction * 3),
        ("reserved", c_uint32 * 2),
    )


class PixelFormat(ctypes.Structure):
    """struct v4l2_pix_format."""

    _fields_ = (
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("bytesperline", c_uint32),
        ("sizeimage", c_uint32),
        ("colorspace", c_uint32),
        ("priv", c_uint32),
        ("flags", c_uint32),
        ("encoding", c_uint32),
        ("quantization", c_uint32),
        ("xfer_func", c_uint32),
    )


class _FormatUnion(ctypes.Union):
    _fields_ = (("pix", PixelFormat), ("raw", c_uint8 * 200), ("aligned", c_ulong))


class Format(ctypes.Structure):
    """struct v4l2_format."""

    _fields_ = (("type", c_uint32), ("fmt", _FormatUnion))


class CaptureParameters(ctypes.Structure):
    """struct v4l2_captureparm in struct v4l2_streamparm."""

    _fields_ = (
        ("type", c_uint32),
        ("capability", c_uint32),
        ("capturemode", c_uint32),
        ("timeperframe", Fraction),
        ("extendedmode", c_uint32),
        ("readbuffers", c_uint32),
        ("rest", c_uint8 * (200 - 24)),
    )


class RequestBuffers(ctypes.Structure):
    """struct v4l2_requestbuffers."""

    _fields_ = (
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("flags", c_uint8),
        ("reserved", c_uint8 * 3),
    )


class _BufferMemory(ctypes.Union):
    _fields_ = (("offset", c_uint32), ("userptr", c_ulong))


class Buffer(ctypes.Structure):
    """struct v4l2_buffer."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("seconds", c_int64),
        ("microseconds", c_int64),
        ("timecode", c_uint32 * 4),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("m", _BufferMemory),
        ("length", c_uint32),
        ("reserved2", c_uint32),
        ("request_fd", c_int32),
    )


class ControlValue(ctypes.Structure):
    """struct v4l2_control."""

    _fields_ = (("id", c_uint32), ("value", c_int32))


class ControlQuery(ctypes.Structure):
    """struct v4l2_queryctrl."""

    _fields_ = (
        ("id", c_uint32),
        ("type", c_uint32),
        ("name", ctypes.c_char * 32),
        ("minimum", c_int32),
        ("maximum", c_int32),
        ("step", c_int32),
        ("default", c_int32),
        ("flags", c_uint32),
        ("reserved", c_uint32 * 2),
    )


def _io(direction: int, number: int, structure: type[ctypes.Structure] | type[c_int32]) -> int:
    """_IOC('V', number) of asm-generic/ioctl.h."""
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


_WRITE, _READ, _BOTH = 1, 2, 3
QUERYCAP = _io(_READ, 0, Capability)
ENUM_FMT = _io(_BOTH, 2, FormatDescription)
G_FMT = _io(_BOTH, 4, Format)
S_FMT = _io(_BOTH, 5, Format)
REQBUFS = _io(_BOTH, 8, RequestBuffers)
QUERYBUF = _io(_BOTH, 9, Buffer)
QBUF = _io(_BOTH, 15, Buffer)
DQBUF = _io(_BOTH, 17, Buffer)
STREAMON = _io(_WRITE, 18, c_int32)
STREAMOFF = _io(_WRITE, 19, c_int32)
G_PARM = _io(_BOTH, 21, CaptureParameters)
S_PARM = _io(_BOTH, 22, CaptureParameters)
G_CTRL = _io(_BOTH, 27, ControlValue)
S_CTRL = _io(_BOTH, 28, ControlValue)
QUERYCTRL = _io(_BOTH, 36, ControlQuery)
ENUM_FRAMESIZES = _io(_BOTH, 74, FrameSize)
ENUM_FRAMEINTERVALS = _io(_BOTH, 75, FrameInterval)


def fourcc(code: int) -> str:
    """0x56595559 -> YUYV."""
    return code.to_bytes(4, "little").decode("ascii", "replace").rstrip()


def code(fourcc: str) -> int:
    """YUYV -> 0x56595559; shorter names are filled with spaces, as the kernel's are."""
    return int.from_bytes(fourcc.ljust(4).encode("ascii"), "little")
