"""The student in onnxruntime: the default engine."""

from __future__ import annotations

from functools import partial

import onnxruntime as ort

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import REMAKE, STUDENT_FILE
from edge.engines.base import StudentSession, Tensor, check_interface, unloadable
from edge.engines.patience import STEP_S, Patience
from edge.errors import BundleError, EdgeError

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
            tensors = _tensors(self._session.get_inputs()), _tensors(self._session.get_outputs())
        except Exception as error:  # onnxruntime's status classes share no base but Exception
            raise unloadable(bundle, self.engine, error) from error
        check_interface(bundle, *tensors)
        super().__init__(bundle)
        self._bindings = [self._bind(0), self._bind(1)]

        self._options = ort.RunOptions()
        self._options.log_severity_level = 4
        self._patience = Patience(partial(setattr, self._options, "terminate", True))

    def _run(self, turn: int) -> None:
        with self._patience:
            self._session.run_with_iobinding(self._bindings[turn], self._options)

    def _failed(self, error: Exception) -> EdgeError:
        if not self._patience.given_up:
            return super()._failed(error)
        return BundleError(
            f"{self._where}: {STUDENT_FILE}: a tick took more than {STEP_S:g} s and was given up; {REMAKE}"
        )

    def _bind(self, turn: int) -> ort.IOBinding:
        binding = self._session.io_binding()
        inputs, outputs = self._buffers(turn)
        for name, buffer in inputs.items():
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(buffer))
        for name, buffer in outputs.items():
            binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(buffer))
        return binding


def session_options(threads: int = 1) -> ort.SessionOptions:
    """Options of every session here: `threads` threads that sleep, not spin, between ticks; nothing is logged."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Errors come as exceptions; its own lines colour the terminal and quote names of the model as they are.
    options.log_severity_level = 4
    # Not the other format that it knows, and takes for ONNX: what was looked at is an ONNX file.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _tensors(nodes: list[ort.NodeArg]) -> dict[str, Tensor]:
    return {node.name: (NUMPY_TYPES.get(node.type, node.type), tuple(node.shape)) for node in nodes}
