"""The calls into CUDA's runtime, against a library of the same functions that is compiled here."""

from __future__ import annotations

import ctypes.util
import gc
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge.engines import cuda
from edge.errors import EngineError

RUNTIME = r"""
#include <stdlib.h>
#include <string.h>
int freed, failing;
int cudaStreamCreate(void **stream) { *stream = (void *)0x1234567890; return failing; }
int cudaStreamSynchronize(void *stream) { return stream == (void *)0x1234567890 ? failing : 1; }
int cudaGetDeviceProperties_v2(char *properties, int device) { strcpy(properties, "Orin"); return device; }
int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 8 : attribute == 76 ? 7 : -1;
    return device;
}
int cudaHostAlloc(void **host, size_t size, unsigned flags) {
    *host = malloc(size);
    memset(*host, 255, size);
    return flags == 2 ? 0 : 1;
}
int cudaHostGetDevicePointer(char **device, char *host, unsigned flags) { *device = host + 1; return (int)flags; }
int cudaFreeHost(void *host) { free(host); freed++; return 0; }
const char *cudaGetErrorString(int status) { return status == 2 ? "out of memory" : "?"; }
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, target = tmp_path / "runtime.c", tmp_path / "libcudart.so"
    source.write_text(RUNTIME)
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", target], check=True)
    monkeypatch.setattr(cuda, "LIBRARIES", (str(target),))


def test_memory_is_shared_by_array_and_device_and_given_back(library: None) -> None:
    runtime = cuda.Cuda()
    array, address = runtime.allocate((2, 3), "float32")
    assert (array.shape, array.dtype, array.tolist()) == ((2, 3), np.float32, [[0.0] * 3] * 2)
    assert address == array.ctypes.data + 1
    rows = array[1:]
    del array
    gc.collect()
    assert runtime._library.cudaFreeHost is not None and freed(runtime) == 0
    rows.fill(1)
    del rows
    gc.collect()
    assert freed(runtime) == 1


def test_device_and_stream(library: None) -> None:
    runtime = cuda.Cuda()
    assert runtime.device() == "Orin sm_87"
    assert runtime.stream == 0x1234567890
    runtime.synchronise()


def test_a_call_that_fails_says_which_and_why(library: None) -> None:
    runtime = cuda.Cuda()
    ctypes.c_int.in_dll(runtime._library, "failing").value = 2
    with pytest.raises(EngineError, match=r"CUDA: cudaStreamSynchronize failed with 2 \(out of memory\); check"):
        runtime.synchronise()


def test_without_the_library_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "LIBRARIES", ("libcudart-that-is-nowhere.so",))
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(EngineError, match=r"expected the runtime library libcudart, found none"):
        cuda.Cuda()


def freed(runtime: cuda.Cuda) -> int:
    return int(ctypes.c_int.in_dll(runtime._library, "freed").value)
