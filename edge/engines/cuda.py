"""The few calls of the CUDA runtime that an engine needs, through ctypes: no package beside the system's libcudart."""

from __future__ import annotations

import ctypes
import ctypes.util
import weakref

import numpy as np
import numpy.typing as npt

from edge.errors import EngineError

MAPPED = 2  # cudaHostAllocMapped
MAJOR, MINOR = 75, 76  # cudaDevAttrComputeCapabilityMajor, Minor
NAME_BYTES = 256  # cudaDeviceProp begins with the name; the rest differs between versions
PROPERTIES_BYTES = 1 << 14
LIBRARIES = ("libcudart.so", "libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0")


class Cuda:
    """The runtime on device 0. Raises EngineError: no library, no device."""

    def __init__(self) -> None:
        self._library = _library()
        self._stream = ctypes.c_void_p()
        self._call("cudaStreamCreate", ctypes.byref(self._stream))

    @property
    def stream(self) -> int:
        """Handle of the stream that all work goes to."""
        return int(self._stream.value or 0)

    def synchronise(self) -> None:
        """Wait until the stream is done."""
        self._call("cudaStreamSynchronize", self._stream)

    def device(self) -> str:
        """`Orin sm_87`: what an engine was built for."""
        properties = ctypes.create_string_buffer(PROPERTIES_BYTES)
        versioned = hasattr(self._library, "cudaGetDeviceProperties_v2")
        self._call("cudaGetDeviceProperties_v2" if versioned else "cudaGetDeviceProperties", properties, 0)
        name = properties.raw[:NAME_BYTES].partition(b"\0")[0].decode(errors="replace")
        return f"{name} sm_{self._attribute(MAJOR)}{self._attribute(MINOR)}"

    def allocate(self, shape: tuple[int, ...], dtype: str) -> tuple[npt.NDArray[np.generic], int]:
        """Zeroed memory that CPU and GPU share: as an array, and as the device's address of it.

        A Jetson has one memory for both, so nothing is ever copied there.
        """
        size = max(1, int(np.prod(shape)) * np.dtype(dtype).itemsize)
        host, device = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cudaHostAlloc", ctypes.byref(host), ctypes.c_size_t(size), MAPPED)
        self._call("cudaHostGetDevicePointer", ctypes.byref(device), host, 0)
        memory = (ctypes.c_uint8 * size).from_address(int(host.value or 0))
        weakref.finalize(memory, self._library.cudaFreeHost, host)  # the array keeps `memory` alive
        array = np.ndarray(shape, dtype, buffer=memoryview(memory))
        array.fill(0)
        return array, int(device.value or 0)

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        self._call("cudaDeviceGetAttribute", ctypes.byref(value), number, 0)
        return value.value

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            self._library.cudaGetErrorString.restype = ctypes.c_char_p
            reason = self._library.cudaGetErrorString(status).decode(errors="replace")
            raise EngineError(
                f"CUDA: {name} failed with {status} ({reason}); check that the GPU is there and free (nvidia-smi, or "
                "tegrastats on a Jetson), or take --engine onnxruntime"
            )


def _library() -> ctypes.CDLL:
    for name in (*LIBRARIES, ctypes.util.find_library("cudart")):
        try:
            if name is not None:
                return ctypes.CDLL(name)
        except OSError:
            continue
    raise EngineError(
        "CUDA: expected the runtime library libcudart, found none; install CUDA (JetPack brings it), put its folder "
        "into LD_LIBRARY_PATH, or take --engine onnxruntime"
    )
