"""The student in onnxruntime: the default engine."""

from __future__ import annotations

import onnxruntime as ort

from edge.bundles.bundle import Bundle
from edge.engines.base import StudentSession, Tensor, check_interface, unloadable

NUMPY_TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}


class OnnxRuntimeSession(StudentSession):
    """One stream through the network of a bundle.

    Raises BundleError: onnxruntime cannot load the model, or its inputs and outputs are not those of the manifest.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self.engine = f"onnxruntime {ort.__version__}"
        try:
            # Its fallback prints to stdout, where only JSON lines belong, and tries the same once more.
            self._session = ort.InferenceSession(
                bundle.student_bytes(), session_options(threads), ["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # onnxruntime's status classes share no base but Exception
            raise unloadable(bundle, self.engine, error) from error
        check_interface(bundle, _tensors(self._session.get_inputs()), _tensors(self._session.get_outputs()))
        super().__init__(bundle.manifest)
        self._bindings = [self._bind(0), self._bind(1)]

    def _run(self, turn: int) -> None:
        self._session.run_with_iobinding(self._bindings[turn])

    def _bind(self, turn: int) -> ort.IOBinding:
        binding = self._session.io_binding()
        inputs, outputs = self._buffers(turn)
        for name, buffer in inputs.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(buffer))
        for name, buffer in outputs.items():
            binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(buffer))
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


def _tensors(nodes: list[ort.NodeArg]) -> dict[str, Tensor]:
    return {node.name: (NUMPY_TYPES.get(node.type, node.type), tuple(node.shape)) for node in nodes}
