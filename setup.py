"""Package metadata, the C core and the console scripts."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).parent
NATIVE = Extension(
    "edge._native",
    sorted(str(path.relative_to(HERE)) for path in HERE.glob("edge/native/**/*.c")),
    depends=sorted(str(path.relative_to(HERE)) for path in HERE.glob("edge/native/**/*.h")),
    include_dirs=["edge/native"],
    extra_compile_args=[
        "-std=gnu11",
        "-O3",
        "-fno-math-errno",
        "-ffp-contract=off",  # no fused multiply-add behind our back: the same bits on every CPU
        "-fvisibility=hidden",
    ],
    define_macros=[("Py_LIMITED_API", "0x030A0000")],
    py_limited_api=True,
)
# CVE-2026-27489, -34445, -34446, -34447: external data by links and attributes, before 1.21; CVE-2025-51480: written.
ONNX = "onnx>=1.21"
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "edge" / "__init__.py").read_text())


class BuildNative(build_ext):
    """Builds the C core; without a compiler a user gets NumPy and a warning, CI (CI=true) gets an error."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # setuptools raises many kinds here; every one means "no C core"
            if os.environ.get("CI"):
                raise
            print(
                f"warning: the C core was not built ({error}); edge runs on NumPy, several times slower.\n"
                "         Install a C compiler and the Python headers (Debian: gcc python3-dev) and install again.",
                file=sys.stderr,
            )


assert VERSION is not None
setup(
    name="ellar-edge",
    version=VERSION.group(1),
    description="INT8 action recognition in the dark, in real time, on a Raspberry Pi or a Jetson",
    long_description=(HERE / "README.md").read_text() if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["edge*", "calibration*", "quantize*", "distill*", "firmware_configs*"]),
    package_data={
        "edge": ["py.typed", "*.pyi", "data/*", "data/*/*"],
        "distill": ["recipes/*/*.yaml"],
        "firmware_configs": ["*/*"],
    },
    ext_modules=[NATIVE],
    cmdclass={"build_ext": BuildNative},
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
    # Lower bounds are the first versions without a known hole that what we read could reach. CPython's tarfile
    # (CVE-2024-6232, CVE-2025-8194: headers that never end) and PyYAML's aliases have no such version on every Python:
    # edge/bundles and edge/yaml_files.py bound what they hand on.
    install_requires=[
        "numpy>=1.26",
        # CVE-2025-53644: a crafted JPEG writes through an uninitialised pointer, before 4.12.
        "opencv-python-headless>=4.12",
        # Before 1.24 a model names any file of the machine as its weights (pull requests 26776, 27430); 1.24 has no
        # wheels for Python 3.10, where our own refusal of external tensors has to do.
        "onnxruntime>=1.24.3; python_version >= '3.11'",
        "onnxruntime>=1.20; python_version < '3.11'",
        "pyyaml>=6",
    ],
    extras_require={
        "quantize": [ONNX],
        "quantize-openvino": [ONNX, "openvino>=2025.0", "nncf>=3.0"],
        "distill": ["torch==2.13.0", ONNX, "onnxscript>=0.5", "safetensors>=0.4"],
        "openvino": ["openvino>=2025.0"],
        "pi": ["picamera2>=0.3.30"],
        "dev": [
            *(
                "pytest>=8",
                "pytest-xdist>=3.6",
                "hypothesis>=6",
                "ruff>=0.8",
                "mypy>=1.13",
                "types-PyYAML",
                "build",
                "av>=12",
            ),
            *("openvino>=2025.0", "nncf>=3.0"),
        ],
    },
    entry_points={
        "console_scripts": [
            "edge-run = edge.run.cli:main",
            "edge-tail = edge.outputs.tail:main",
            "edge-doctor = edge.doctor.cli:main",
            "edge-service = edge.deploy.cli:main",
            "quantize = quantize.cli:main",
            "calibration = calibration.cli:main",
            "edge-data = calibration.cli:main",
            "edge-eval = calibration.evaluation.cli:main",
            "edge-folds = calibration.evaluation.folds_cli:main",
            "distill = distill.cli:main",
            "edge-train = distill.cli:main",
        ]
    },
)
