"""What an engine really runs of a student: which layers with weights are integer kernels, which regions are float.

Read from what the engine made of the model on this machine, never from the model itself: onnxruntime's optimised graph,
OpenVINO's runtime model, the layer information of TensorRT's engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort

from edge.bundles.bundle import Bundle
from edge.engines.onnxruntime import session_options
from edge.files import scratch_folder

# onnxruntime's operators with weights. Contrib operators have no schema of their types: the name tells.
INTEGER_OPERATORS = ("QLinearConv", "ConvInteger", "QGemm", "QLinearMatMul", "MatMulInteger", "MatMulIntegerToFloat")
FLOAT_OPERATORS = ("Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul")
# What moves values without computing: it costs copies, not accuracy.
MOVING = frozenset(
    (
        *("Transpose", "Reshape", "Concat", "Split", "Slice", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Gather"),
        *("Expand", "Pad", "Tile", "Shape", "Cast", "Constant"),
        *("Concatenation", "StridedSlice", "Reorder", "Const", "Input", "Output", "Parameter", "Result", "Convert"),
    )
)
EDGES = ("QuantizeLinear", "DequantizeLinear")
OPENVINO_LAYERS = ("Convolution", "Deconvolution", "FullyConnected", "MatMul", "Gemm")
TENSORRT_LAYERS = ("Conv", "Gemm", "MatrixMultiply", "FullyConnected")


@dataclass(frozen=True)
class Kernel:
    """One layer with weights as the engine runs it. how: the engine's own word for it."""

    name: str
    integer: bool
    how: str


@dataclass(frozen=True)
class Execution:
    """engine: name and version. kernels: every layer with weights. islands: connected float regions without one, each
    as the names of its operators; a first conversion or a last one is none.
    """

    engine: str
    kernels: tuple[Kernel, ...]
    islands: tuple[str, ...]

    @property
    def integer(self) -> int:
        """How many layers with weights are integer kernels."""
        return sum(kernel.integer for kernel in self.kernels)

    @property
    def floats(self) -> tuple[Kernel, ...]:
        """Layers with weights that run in float."""
        return tuple(kernel for kernel in self.kernels if not kernel.integer)


def executed(bundle: Bundle, engine: str, threads: int = 1) -> Execution:
    """What the engine of this name makes of a student on this machine. Raises what the engine raises."""
    return {"onnxruntime": _in_onnxruntime, "openvino": _in_openvino, "tensorrt": _in_tensorrt}[engine](bundle, threads)


def _in_onnxruntime(bundle: Bundle, threads: int) -> Execution:
    with scratch_folder("quantize") as scratch:
        path = Path(scratch) / "optimised.onnx"
        options = session_options(threads)
        options.optimized_model_filepath = str(path)
        options.add_session_config_entry("session.qdqisint8allowed", "1")  # ARM's default: S8S8 as the board runs it
        ort.InferenceSession(bundle.student_bytes(), options, ["CPUExecutionProvider"])
        model = onnx.load(path)
    kernels = tuple(
        Kernel(node.name or node.output[0], node.op_type in INTEGER_OPERATORS, node.op_type)
        for node in model.graph.node
        if node.op_type in (*INTEGER_OPERATORS, *FLOAT_OPERATORS)
    )
    return Execution(f"onnxruntime {ort.__version__}", kernels, float_islands(model))


def float_islands(model: onnx.ModelProto) -> tuple[str, ...]:
    """Connected regions between a DequantizeLinear and a QuantizeLinear that compute, without a layer with weights.

    `ReduceMean node_mean, Mul node_mul` for a region of these two. A region that is entered from the picture or left to
    the logits alone is an edge of the student, not an island.
    """
    makers = {output: node for node in model.graph.node for output in node.output}
    region: dict[str, int] = {}  # a node's first output -> its region
    members: list[list[onnx.NodeProto]] = []
    for node in model.graph.node:
        if node.op_type in EDGES or node.op_type.startswith("QLinear") or not _in_float(node, makers, region):
            continue
        before = sorted({region[m.output[0]] for m in _makers(node, makers) if m.output[0] in region})
        home = before[0] if before else len(members)
        if not before:
            members.append([])
        for other in before[1:]:
            for moved in members[other]:
                region[moved.output[0]] = home
            members[home] += members[other]
            members[other] = []
        members[home].append(node)
        region[node.output[0]] = home
    return tuple(filter(None, (_island(model, nodes) for nodes in members)))


def _makers(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> list[onnx.NodeProto]:
    return [makers[name] for name in node.input if name in makers]


def _in_float(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto], region: Mapping[str, int]) -> bool:
    return any(m.op_type == "DequantizeLinear" or m.output[0] in region for m in _makers(node, makers))


def _island(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> str:
    outputs = {name for node in nodes for name in node.output}
    returns = any(node.op_type == "QuantizeLinear" and node.input[0] in outputs for node in model.graph.node)
    weighted = any(node.op_type in FLOAT_OPERATORS for node in nodes)
    computing = [node for node in nodes if node.op_type not in MOVING]
    if weighted or not returns or not computing:
        return ""
    return ", ".join(f"{node.op_type} {node.name}".strip() for node in computing)


def _in_openvino(bundle: Bundle, threads: int) -> Execution:
    import openvino as ov

    from edge.engines.openvino import compiled

    layers = [
        {key: value.astype(str) for key, value in operator.get_rt_info().items() if key in _OPENVINO_KEYS}
        | {"name": operator.get_friendly_name()}
        for operator in compiled(bundle, threads).get_runtime_model().get_ordered_ops()
    ]
    kernels = tuple(
        Kernel(layer["name"], layer["runtimePrecision"] in ("u8", "i8"), layer["primitiveType"])
        for layer in layers
        if layer["layerType"] in OPENVINO_LAYERS
    )
    islands = tuple(
        f"{layer['layerType']} {layer['name']}"
        for layer in layers
        if layer["layerType"] not in MOVING | {*OPENVINO_LAYERS, "Subgraph"}  # Subgraph: the conversions at the edges
        and layer["runtimePrecision"].startswith(("f", "bf"))
    )
    return Execution(f"openvino {ov.__version__.partition('-')[0]}", kernels, islands)


_OPENVINO_KEYS = ("layerType", "runtimePrecision", "primitiveType")


def _in_tensorrt(bundle: Bundle, threads: int) -> Execution:
    import tensorrt as trt

    from edge.engines.cache import default_cache
    from edge.engines.cuda import Cuda
    from edge.engines.tensorrt import layer_information, prepared

    plan = prepared(bundle, print, default_cache(), Cuda().device())
    return tensorrt_execution(layer_information(plan), trt.__version__)


def tensorrt_execution(layers: Iterable[Mapping[str, Any]], version: str) -> Execution:
    """From the layers as TensorRT's inspector lists them; a layer is integer if all tensors that it takes are."""
    kernels, islands = [], []
    for layer in layers:
        types = [_tensorrt_type(tensor) for tensor in layer.get("Inputs", ())]
        integer = bool(types) and all("int8" in type_.lower() for type_ in types)
        kind = str(layer.get("LayerType", ""))
        if any(word in kind for word in TENSORRT_LAYERS):
            kernels.append(Kernel(str(layer["Name"]), integer, f"{kind}, {', '.join(types)}"))
        elif not integer and kind not in ("Reformat", "NoOp", "Constant", "Shuffle", "Slice", "Concatenation"):
            islands.append(f"{kind} {layer['Name']}")
    return Execution(f"tensorrt {version}", tuple(kernels), tuple(islands))


def _tensorrt_type(tensor: Mapping[str, Any]) -> str:
    return str(tensor.get("Format/Datatype") or tensor.get("Datatype") or "unknown")
