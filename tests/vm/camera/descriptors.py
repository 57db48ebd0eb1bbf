"""The descriptors that a UVC 1.0 camera shows at its plug (USB 2.0 chapter 9; USB Video Class 1.0, section 3)."""

from __future__ import annotations

import struct

from tests.vm.camera.model import CAMERA, OUTPUT, PROCESSING, Mode, Model

CONTROL_INTERFACE, STREAMING_INTERFACE = 0, 1
STREAM_ENDPOINT = 1
PACKET_BYTES = 512  # of a high-speed bulk endpoint

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT, QUALIFIER, ASSOCIATION = 1, 2, 3, 4, 5, 6, 11
VIDEO, VIDEO_CONTROL, VIDEO_STREAMING = 14, 1, 2
CLASS_SPECIFIC = 0x24
VC_HEADER, VC_INPUT, VC_OUTPUT, VC_PROCESSING = 1, 2, 3, 5
VS_HEADER, VS_UNCOMPRESSED, VS_UNCOMPRESSED_FRAME, VS_MJPEG, VS_MJPEG_FRAME, VS_COLOUR = 1, 4, 5, 6, 7, 13
SENSOR, USB_STREAM = 0x0201, 0x0101  # terminal types
UVC_1_0 = 0x0100
YUY2 = bytes.fromhex("5955593200001000800000aa00389b71")  # GUID
BT709_SRGB = bytes((1, 1, 4))
LANGUAGE_ENGLISH = 0x0409
CLOCK_HZ = 48_000_000


def device(model: Model) -> bytes:
    """The device: a video function that names itself by strings 1, 2 and 3."""
    return _descriptor(
        DEVICE, struct.pack("<HBBBBHHHBBBB", 0x0200, 0xEF, 2, 1, 64, model.vendor, model.product, 0x0100, 1, 2, 3, 1)
    )


def qualifier() -> bytes:
    """What it would be at the other speed: the same."""
    return _descriptor(QUALIFIER, struct.pack("<HBBBBBB", 0x0200, 0xEF, 2, 1, 64, 1, 0))


def string(model: Model, index: int) -> bytes | None:
    """String number `index`; 0 lists the languages."""
    if index == 0:
        return _descriptor(STRING, struct.pack("<H", LANGUAGE_ENGLISH))
    texts = (model.manufacturer, model.name, model.serial)
    return _descriptor(STRING, texts[index - 1].encode("utf-16le")) if index <= len(texts) else None


def configuration(model: Model) -> bytes:
    """The one configuration: a control interface and a streaming interface with one bulk endpoint."""
    body = b"".join(
        [
            _descriptor(ASSOCIATION, bytes((CONTROL_INTERFACE, 2, VIDEO, 3, 0, 2))),
            _interface(CONTROL_INTERFACE, 0, VIDEO_CONTROL),
            _control_units(model),
            _interface(STREAMING_INTERFACE, 1, VIDEO_STREAMING),
            _formats(model),
            _descriptor(ENDPOINT, struct.pack("<BBHB", 0x80 | STREAM_ENDPOINT, 2, PACKET_BYTES, 0)),
        ]
    )
    milliamperes = 500
    return _descriptor(CONFIGURATION, struct.pack("<HBBBBB", 9 + len(body), 2, 1, 0, 0x80, milliamperes // 2)) + body


def interval(rate: int) -> int:
    """A frame's time in units of 100 ns."""
    return round(10_000_000 / rate)


def frame_bytes(mode: Mode) -> int:
    """The most that a frame takes."""
    return mode.width * mode.height * 2


def _descriptor(kind: int, body: bytes) -> bytes:
    return bytes((2 + len(body), kind)) + body


def _class_specific(subtype: int, body: bytes) -> bytes:
    return _descriptor(CLASS_SPECIFIC, bytes((subtype,)) + body)


def _interface(number: int, endpoints: int, subclass: int) -> bytes:
    return _descriptor(INTERFACE, bytes((number, 0, endpoints, VIDEO, subclass, 0, 0)))


def _control_units(model: Model) -> bytes:
    camera = struct.pack("<BHBBHHHB3s", CAMERA, SENSOR, 0, 0, 0, 0, 0, 3, _bitmap(model, CAMERA, 3))
    processing = struct.pack("<BBHB2sB", PROCESSING, CAMERA, 0, 2, _bitmap(model, PROCESSING, 2), 0)
    output = struct.pack("<BHBBB", OUTPUT, USB_STREAM, 0, PROCESSING, 0)
    units = (
        _class_specific(VC_INPUT, camera)
        + _class_specific(VC_PROCESSING, processing)
        + _class_specific(VC_OUTPUT, output)
    )
    header = struct.pack("<HHIBB", UVC_1_0, 13 + len(units), CLOCK_HZ, 1, STREAMING_INTERFACE)
    return _class_specific(VC_HEADER, header) + units


def _bitmap(model: Model, unit: int, size: int) -> bytes:
    bits = sum(1 << control.bit for control in model.controls if control.unit == unit)
    return bits.to_bytes(size, "little")


def _formats(model: Model) -> bytes:
    formats = model.formats()
    body = b"".join(
        _format(name, number, modes) + _class_specific(VS_COLOUR, BT709_SRGB)
        for number, (name, modes) in enumerate(formats.items(), 1)
    )
    per_format = bytes(len(formats))  # no controls of a single format
    total = 13 + len(per_format) + len(body)
    head = struct.pack("<BHBBBBBBB", len(formats), total, 0x80 | STREAM_ENDPOINT, 0, OUTPUT, 0, 0, 0, 1)
    return _class_specific(VS_HEADER, head + per_format) + body


def _format(name: str, number: int, modes: list[Mode]) -> bytes:
    if name == "MJPG":
        head, frame = _class_specific(VS_MJPEG, bytes((number, len(modes), 1, 1, 0, 0, 0, 0))), VS_MJPEG_FRAME
    else:
        head = _class_specific(VS_UNCOMPRESSED, bytes((number, len(modes))) + YUY2 + bytes((16, 1, 0, 0, 0, 0)))
        frame = VS_UNCOMPRESSED_FRAME
    return head + b"".join(_frame(frame, index, mode) for index, mode in enumerate(modes, 1))


def _frame(subtype: int, index: int, mode: Mode) -> bytes:
    size = frame_bytes(mode)
    slowest, fastest = size * 8 * min(mode.rates), size * 8 * max(mode.rates)
    head = struct.pack(
        "<BBHHIIIIB",
        index,
        0,
        mode.width,
        mode.height,
        slowest,
        fastest,
        size,
        interval(mode.rates[0]),
        len(mode.rates),
    )
    return _class_specific(subtype, head + struct.pack(f"<{len(mode.rates)}I", *map(interval, mode.rates)))
