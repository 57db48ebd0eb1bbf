"""The engines by name: what each needs, which are installed, and which builds of a student each reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import STUDENT_FILE
from edge.engines.base import StudentSession
from edge.errors import ConfigError

Say = Callable[[str], None]


@dataclass(frozen=True)
class Engine:
    """One engine. distributions: names under which its package may be installed. install: how to get it.

    reads: whether it can run a build of a student at all. open: makes the student (bundle, threads, say).
    """

    distributions: tuple[str, ...]
    install: str
    reads: Callable[[Bundle], bool]
    open: Callable[[Bundle, int, Say], StudentSession]

    def version(self) -> str | None:
        """Its installed version, without loading it; None: not installed."""
        for distribution in self.distributions:
            try:
                return metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        return None


def open_with(engine: str, bundle: Bundle, threads: int, say: Say) -> StudentSession:
    """One build of a bundle in the engine of this name.

    Raises ConfigError (not installed), BundleError (the engine refuses it), EngineError (no GPU, ...).
    """
    if ENGINES[engine].version() is None:
        raise ConfigError(f"engine {engine}: is not installed; {ENGINES[engine].install}, or take --engine auto")
    return ENGINES[engine].open(bundle, threads, say)


def _has_onnx(bundle: Bundle) -> bool:
    return STUDENT_FILE in bundle.files


def _made_for_tensorrt(bundle: Bundle) -> bool:
    """It takes symmetric integers only, and every attempt would cost minutes."""
    return _has_onnx(bundle) and bundle.manifest.target in ("any", "jetson")


def _onnxruntime(bundle: Bundle, threads: int, say: Say) -> StudentSession:
    from edge.engines.onnxruntime import OnnxRuntimeSession

    return OnnxRuntimeSession(bundle, threads)


def _openvino(bundle: Bundle, threads: int, say: Say) -> StudentSession:
    from edge.engines.openvino import OpenVinoSession

    return OpenVinoSession(bundle, threads)


def _tensorrt(bundle: Bundle, threads: int, say: Say) -> StudentSession:
    from edge.engines.tensorrt import TensorRtSession

    return TensorRtSession(bundle, say)


ENGINES: Mapping[str, Engine] = {
    "onnxruntime": Engine(
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"),
        "pip install onnxruntime",
        _has_onnx,
        _onnxruntime,
    ),
    "openvino": Engine(("openvino",), "pip install 'openvino>=2025.0'", lambda bundle: True, _openvino),
    "tensorrt": Engine(
        ("tensorrt", "tensorrt-cu12", "tensorrt-cu13"),
        "it comes with JetPack (python3-libnvinfer); make the environment with --system-site-packages",
        _made_for_tensorrt,
        _tensorrt,
    ),
}
