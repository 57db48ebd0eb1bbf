"""The student in OpenVINO: the optional extra `openvino`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import STUDENT_FILE
from edge.engines.base import StudentSession, Tensor, check_interface, unloadable

if TYPE_CHECKING:
    import openvino as ov

IR_SUFFIXES = (".xml", ".bin")


class OpenVinoSession(StudentSession):
    """One stream through the network of a bundle.

    Raises BundleError: OpenVINO cannot load the model, or its inputs and outputs are not those of the manifest.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        import openvino as ov

        self.engine = f"openvino {ov.__version__.partition('-')[0]}"
        try:
            model = compiled(bundle, threads)
        except RuntimeError as error:
            raise unloadable(bundle, self.engine, error) from error
        check_interface(bundle, _tensors(model.inputs), _tensors(model.outputs))
        super().__init__(bundle)
        self._requests = [self._bind(model, turn, ov.Tensor) for turn in (0, 1)]

    def _run(self, turn: int) -> None:
        self._requests[turn].infer()

    def _bind(self, model: ov.CompiledModel, turn: int, tensor: type[ov.Tensor]) -> ov.InferRequest:
        request = model.create_infer_request()
        for buffers in self._buffers(turn):
            for name, buffer in buffers.items():
                request.set_tensor(name, tensor(buffer, shared_memory=True))
        return request


def compiled(bundle: Bundle, threads: int = 1) -> ov.CompiledModel:
    """The student, an ONNX file or an IR, compiled for this machine's CPU. Raises RuntimeError."""
    import openvino as ov

    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # pinned to a core that has other work, a step waited for 10 ms
        "INFERENCE_PRECISION_HINT": "f32",  # on ARM it takes float16 by itself, and an INT8 student answers wrongly
    }
    core = ov.Core()
    if STUDENT_FILE in bundle.files:
        model = core.read_model(io.BytesIO(bundle.student_bytes()))
    else:
        xml, weights = (next(data for name, data in bundle.files.items() if name.endswith(end)) for end in IR_SUFFIXES)
        model = core.read_model(xml, weights)
    return core.compile_model(model, "CPU", options)


def _tensors(ports: list[ov.ConstOutput]) -> dict[str, Tensor]:
    return {port.any_name: (port.element_type.to_dtype().name, tuple(port.shape)) for port in ports}
