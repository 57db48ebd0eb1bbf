"""The student in TensorRT on a Jetson: an engine built once on the board, kept, and built anew when anything changes.

Not run on a GPU yet: the names were checked against TensorRT 10.3 (JetPack 6), the behaviour was not.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge.bundles.bundle import Bundle
from edge.engines.base import StudentSession, Tensor, check_interface, unloadable
from edge.engines.cache import Cache, Key, default_cache
from edge.engines.cuda import Cuda
from edge.errors import EngineError

if TYPE_CHECKING:
    import tensorrt as trt

Say = Callable[[str], None]


class TensorRtSession(StudentSession):
    """One stream through the network of a bundle.

    Without a kept engine it builds one, which takes minutes; `say` gets lines on how far it is. Raises BundleError
    (TensorRT cannot build the model, or its inputs and outputs are not those of the manifest), EngineError.
    """

    def __init__(self, bundle: Bundle, say: Say = print, cache: Cache | None = None) -> None:
        import tensorrt as trt

        self.engine = f"tensorrt {trt.__version__}"
        self._cuda = Cuda()
        self._addresses: dict[int, int] = {}
        plan = prepared(bundle, say, cache or default_cache(), self._cuda.device())
        self._logger = _logger(trt)
        self._model = trt.Runtime(self._logger).deserialize_cuda_engine(plan)
        if self._model is None:
            raise EngineError(f"{bundle.where}: {self.engine} cannot load the engine that it built; build it anew")
        check_interface(bundle, *_tensors(trt, self._model))
        super().__init__(bundle)
        self._contexts = [self._bind(0), self._bind(1)]

    def _allocate(self, shape: tuple[int, ...], dtype: str) -> npt.NDArray[np.generic]:
        array, address = self._cuda.allocate(shape, dtype)
        self._addresses[array.ctypes.data] = address
        return array

    def _bind(self, turn: int) -> trt.IExecutionContext:
        context = self._model.create_execution_context()
        for buffers in self._buffers(turn):
            for name, buffer in buffers.items():
                context.set_tensor_address(name, self._addresses[buffer.ctypes.data])
        return context

    def _run(self, turn: int) -> None:
        if not self._contexts[turn].execute_async_v3(self._cuda.stream):
            raise EngineError(f"{self.engine}: a step failed; its reason is on stderr")
        self._cuda.synchronise()


def prepared(bundle: Bundle, say: Say, cache: Cache, device: str) -> bytes:
    """The engine of this bundle for this device, from the cache or built now. Raises BundleError."""
    import tensorrt as trt

    student = hashlib.sha256(bundle.student_bytes()).hexdigest()  # a bundle may hold several
    key = Key("engine", f"{bundle.digest} {student}", f"tensorrt {trt.__version__}", device)
    kept = cache.get(key)
    if kept is not None:
        say(f"engine for {device}: kept from before, {cache.path(key)}")
        return kept
    progress = BuildProgress(say, f"building the engine for {device}")
    return cache.fetch(key, lambda: _built(trt, bundle, progress), say)


def layer_information(plan: bytes) -> list[dict[str, Any]]:
    """What TensorRT tells of every layer of an engine: Name, LayerType, Inputs, Outputs with their types."""
    import tensorrt as trt

    engine = trt.Runtime(_logger(trt)).deserialize_cuda_engine(plan)
    text = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    layers: list[dict[str, Any]] = json.loads(text)["Layers"]
    return layers


class BuildProgress:
    """Turns the phases that a builder reports, nested and from several threads, into a line every few seconds."""

    def __init__(self, say: Say, what: str, every_s: float = 2.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._what, self._every_s, self._clock = say, what, every_s, clock
        self._lock = threading.Lock()
        self._phases: dict[str, tuple[str | None, int, int]] = {}  # name -> parent, steps, steps done
        self._started_s = clock()
        self._said_s = float("-inf")

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        """A phase of so many steps begins, inside another or none."""
        with self._lock:
            self._phases[phase] = parent, steps, 0
            self._report()

    def step(self, phase: str, step: int) -> None:
        """Step number `step`, from 0, is done."""
        with self._lock:
            if phase in self._phases:
                parent, steps, _ = self._phases[phase]
                self._phases[phase] = parent, steps, step + 1
            self._report()

    def finish(self, phase: str) -> None:
        """The phase ends, with all its steps done or not."""
        with self._lock:
            self._phases.pop(phase, None)

    def done(self) -> None:
        """The last line."""
        self._say(f"{self._what}: done after {self._clock() - self._started_s:.0f} s")

    def _report(self) -> None:
        now_s = self._clock()
        if now_s - self._said_s >= self._every_s:
            self._said_s = now_s
            inside = ", ".join(f"{name} {done}/{steps}" for name, (_, steps, done) in self._phases.items())
            self._say(f"{self._what}: {inside}; {now_s - self._started_s:.0f} s")


def _built(trt: Any, bundle: Bundle, progress: BuildProgress) -> bytes:
    """Strongly typed: every layer runs in the type that the file gives it, so what was quantised runs as integers."""
    logger = _logger(trt)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    name = f"tensorrt {trt.__version__}"
    if not parser.parse(bundle.student_bytes()):
        raise unloadable(bundle, name, RuntimeError(parser.get_error(0).desc()))
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # or layer_information knows names alone
    config.progress_monitor = monitor = _monitor(trt, progress)
    plan = builder.build_serialized_network(network, config)
    del monitor  # it must outlive the build
    if plan is None:
        raise unloadable(bundle, name, RuntimeError("the build failed; its reason is on stderr"))
    progress.done()
    return bytes(plan)


def _monitor(trt: Any, progress: BuildProgress) -> trt.IProgressMonitor:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)  # the binding demands the explicit call

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            progress.start(phase_name, parent_phase, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress.step(phase_name, step)
            return True

        def phase_finish(self, phase_name: str) -> None:
            progress.finish(phase_name)

    return Monitor()


def _logger(trt: Any) -> trt.Logger:
    return trt.Logger(trt.Logger.ERROR)


def _tensors(trt: Any, model: trt.ICudaEngine) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for index in range(model.num_io_tensors):
        name = model.get_tensor_name(index)
        tensor = np.dtype(trt.nptype(model.get_tensor_dtype(name))).name, tuple(model.get_tensor_shape(name))
        (inputs if model.get_tensor_mode(name) == trt.TensorIOMode.INPUT else outputs)[name] = tensor
    return inputs, outputs
