"""The student in onnxruntime, tick by tick, with its states kept between ticks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from edge.bundle import Bundle
from edge.errors import BundleError
from edge.manifest import REMAKE, STUDENT_FILE

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
ONNX_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)", "int8": "tensor(int8)"}


class Student:
    """One stream through the network of a bundle.

    All tensors live in buffers bound once: two sets of states take turns as input and output, so a tick copies
    nothing but `x` and the logits. Raises BundleError: onnxruntime cannot load the model, or its inputs and outputs
    are not those of the manifest.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self.heads, self.classes = len(bundle.manifest.gate.gammas), len(bundle.manifest.labels)
        self._session = _session(bundle, threads)
        _check_interface(self._session, bundle)
        size = bundle.manifest.input
        self._x = np.zeros((1, size.height, size.width, 3), np.uint8)
        self._logits = np.zeros((1, self.heads, self.classes), np.float32)
        self._specs = bundle.manifest.states
        self._states = [[np.zeros(s.shape, s.dtype) for s in self._specs] for _ in range(2)]
        self._bindings = [self._bind(0, 1), self._bind(1, 0)]
        self.reset()

    def reset(self) -> None:
        """Start a new stream: every state takes its start value."""
        self._turn = 0
        for state, spec in zip(self._states[0], self._specs, strict=True):
            state.fill(spec.start)

    def step(self, x: U8) -> F32:
        """One tick: x uint8 [1,H,W,3] -> logits float32 [heads, classes]. Raises ValueError for another x."""
        if x.shape != self._x.shape or x.dtype != np.uint8:
            raise ValueError(f"x: expected uint8 {list(self._x.shape)}, found {x.dtype} {list(x.shape)}")
        np.copyto(self._x, x)
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn
        return np.array(self._logits[0])

    def _bind(self, source: int, target: int) -> ort.IOBinding:
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(self._x))
        binding.bind_ortvalue_output("logits", ort.OrtValue.ortvalue_from_numpy(self._logits))
        for spec, before, after in zip(self._specs, self._states[source], self._states[target], strict=True):
            binding.bind_ortvalue_input(spec.input, ort.OrtValue.ortvalue_from_numpy(before))
            binding.bind_ortvalue_output(spec.output, ort.OrtValue.ortvalue_from_numpy(after))
        return binding


def session_options(threads: int = 1) -> ort.SessionOptions:
    """Options of every session here: `threads` threads that sleep, not spin, between ticks; only errors are logged."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _session(bundle: Bundle, threads: int) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(bundle.student_bytes(), session_options(threads), ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's status classes share no base but Exception
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleError(
            f"{bundle.where}: {STUDENT_FILE}: onnxruntime {ort.__version__} cannot load it ({reason}); "
            "update onnxruntime, or make the bundle again"
        ) from error


def _check_interface(session: ort.InferenceSession, bundle: Bundle) -> None:
    manifest = bundle.manifest
    x = ("uint8", (1, manifest.input.height, manifest.input.width, 3))
    logits = ("float32", (1, len(manifest.gate.gammas), len(manifest.labels)))
    states = manifest.states
    inputs = {"x": x, **{s.input: (s.dtype, s.shape) for s in states}}
    outputs = {"logits": logits, **{s.output: (s.dtype, s.shape) for s in states}}
    for kind, wanted, nodes in (("input", inputs, session.get_inputs()), ("output", outputs, session.get_outputs())):
        found = {node.name: (node.type, tuple(node.shape)) for node in nodes}
        for name in sorted(set(wanted) | set(found)):
            expected = (ONNX_TYPES[wanted[name][0]], wanted[name][1]) if name in wanted else None
            if found.get(name) != expected:
                raise BundleError(
                    f"{bundle.where}: {STUDENT_FILE}: {kind} {name}: expected {_describe(expected)} "
                    f"as in the manifest, found {_describe(found.get(name))}; {REMAKE}"
                )


def _describe(tensor: tuple[str, tuple[int, ...]] | None) -> str:
    return f"{tensor[0]} {list(tensor[1])}" if tensor else "nothing"
