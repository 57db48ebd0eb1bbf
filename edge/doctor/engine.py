"""The software that computes: the C core, the libraries below it, the engines."""

from __future__ import annotations

import platform
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib import import_module

from edge import __version__
from edge.doctor.findings import Finding, error, ok, warning
from edge.shipped import reinstall

AREA = "engine"
LIBRARIES = {"numpy": "numpy", "cv2": "opencv-python-headless", "yaml": "pyyaml"}  # the package of each module


def check() -> Iterator[Finding]:
    """What is installed, and whether it loads."""
    yield ok(AREA, "ellar-edge", f"{__version__} on Python {platform.python_version()}")
    for module, package in LIBRARIES.items():
        yield check_library(module, package)
    yield from check_engines()
    yield check_core()


def check_library(module: str, package: str) -> Finding:
    """That a library is there and made for this machine: a wheel for another one fails only when it is loaded."""
    try:
        found = import_module(module)
    except Exception as problem:  # a library may raise anything while it is loaded
        return error(AREA, package, f"does not load: {problem}", f"pip install --force-reinstall {package}")
    return ok(AREA, package, str(getattr(found, "__version__", "loads")))


def check_engines() -> Iterator[Finding]:
    """The engines that are installed; without the default one nothing runs."""
    from edge.engines.catalogue import ENGINES  # needs what was looked at above

    yield check_library("onnxruntime", "onnxruntime")
    for name, engine in ENGINES.items():
        if name != "onnxruntime" and (version := engine.version()):
            yield ok(AREA, name, f"{version}; edge-run --engine auto measures whether it is faster")


def check_core() -> Finding:
    """Which instructions of the processor the C core uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the finding says it
        from edge.picture import kernels
    levels = Counter(kernels.running().values())
    found = ", ".join(f"{level} ({count} kernels)" for level, count in levels.most_common())
    if "numpy" in levels:
        repair = f"install a C compiler (sudo apt install gcc python3-dev), then {reinstall()}"
        return warning(AREA, "C core", "missing; NumPy is several times slower", repair)
    return ok(AREA, "C core", found)
