"""The software that computes: the C core, the libraries below it, the engines."""

from __future__ import annotations

import platform
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib import import_module, metadata

from edge import __version__
from edge.doctor.findings import Finding, error, ok, warning

AREA = "engine"
REINSTALL = "pip install --force-reinstall ellar-edge"
NEEDED = {"numpy": "numpy", "cv2": "opencv-python-headless", "onnxruntime": "onnxruntime", "yaml": "pyyaml"}
OPTIONAL = ("openvino", "tensorrt", "picamera2")


def check() -> Iterator[Finding]:
    """What is installed, and whether it loads."""
    yield ok(AREA, "ellar-edge", f"{__version__} on Python {platform.python_version()}")
    for module, package in NEEDED.items():
        yield check_library(module, package)
    for package in OPTIONAL:
        if version := _version(package):
            yield ok(AREA, package, version)
    yield check_core()


def check_library(module: str, package: str) -> Finding:
    """That a library is there and made for this machine: a wheel for another one fails only when it is loaded."""
    try:
        import_module(
            "edge.engines" if module == "onnxruntime" else "edge"
        )  # what must stand before an engine's import
        found = import_module(module)
    except Exception as problem:  # a library may raise anything while it is loaded
        return error(AREA, package, f"does not load: {problem}", f"pip install --force-reinstall {package}")
    return ok(AREA, package, _version(package) or getattr(found, "__version__", "version unknown"))


def check_core() -> Finding:
    """Which instructions of the processor the C core uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the finding says it
        from edge import kernels
    levels = Counter(kernels.running().values())
    found = ", ".join(f"{level} ({count} kernels)" for level, count in levels.most_common())
    if "numpy" in levels:
        repair = f"install a C compiler (sudo apt install gcc python3-dev), then {REINSTALL}"
        return warning(AREA, "C core", "missing; NumPy is several times slower", repair)
    return ok(AREA, "C core", found)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
