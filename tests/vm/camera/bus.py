"""The kernel's virtual USB bus (vhci-hcd): ports into which a camera is plugged."""

from __future__ import annotations

import socket
import time
from pathlib import Path

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
HIGH_SPEED = 3  # enum usb_device_speed
FREE = 4  # enum usbip_device_status, VDEV_ST_NULL
PORTS_PER_BUS = 8
PATIENCE_S = 30.0


def plug(port: int) -> socket.socket:
    """Connect a device to a high-speed port as soon as that is free; returns the device's end. Raises TimeoutError."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not _is_free(port):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{VHCI}: the kernel has not let go of port {port}")
        time.sleep(0.1)
    ours, kernels = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with kernels:  # the kernel takes a reference of its own
        device_id = 1 << 16 | port + 1
        (VHCI / "attach").write_text(f"{port} {kernels.fileno()} {device_id} {HIGH_SPEED}")
    return ours


def _is_free(port: int) -> bool:
    """Lines of `status`: hub, port, state, speed, device, socket, bus id; the first bus is the high-speed one."""
    for line in (VHCI / "status").read_text().splitlines()[1 : PORTS_PER_BUS + 1]:
        _, number, state = line.split()[:3]
        if int(number) == port:
            return int(state) == FREE
    raise ValueError(f"{VHCI}: no high-speed port {port}")
