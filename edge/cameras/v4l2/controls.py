"""V4L2 controls (exposure, gain, ...) by number: drivers rename them between kernels, their numbers stay."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edge.cameras.profile import Control
from edge.cameras.v4l2.device import V4l2Device


def apply_controls(node: Path, controls: Iterable[Control]) -> tuple[str, ...]:
    """`set_controls` of a device that another program or library streams from. Raises CameraStateError."""
    with V4l2Device(node) as device:
        return set_controls(device, controls)


def set_controls(device: V4l2Device, controls: Iterable[Control]) -> tuple[str, ...]:
    """Set the controls in their order and read them back; returns a sentence for each that the camera did not take."""
    return tuple(note for note in (_set(device, control) for control in controls) if note)


def _set(device: V4l2Device, control: Control) -> str:
    name = f"control {control.name} ({control.id:#010x})"
    try:
        device.set_control(control.id, control.value)
        value = device.control(control.id)
    except OSError as error:
        return f"{name} = {control.value} refused: {error.strerror}"
    return "" if value == control.value else f"{name} is {value}, not {control.value}"
