"""What engines really run: integer kernels counted, layers in float and float islands named."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundles.bundle import Bundle, default_bundle_path
from edge.engines.catalogue import ENGINES
from quantize.judging.execution import Execution, Kernel, executed, float_islands, tensorrt_execution
from tests.quantize.results import FLOAT_PATH


@pytest.fixture(scope="module")
def bundles() -> tuple[Bundle, Bundle]:
    return Bundle.load(default_bundle_path()), Bundle.load(FLOAT_PATH)


def test_onnxruntime_runs_every_convolution_of_the_default_bundle_as_integers(bundles: tuple[Bundle, Bundle]) -> None:
    integer, real = (executed(bundle, "onnxruntime") for bundle in bundles)
    assert len(integer.kernels) >= 5 and integer.floats == () and integer.engine.startswith("onnxruntime 1.")
    assert {kernel.how for kernel in integer.kernels} <= {"QLinearConv", "QGemm", "QLinearMatMul"}
    assert len(real.kernels) == len(integer.kernels) and real.integer == 0 and real.islands == ()


def test_openvinos_own_word_is_taken_not_the_files(bundles: tuple[Bundle, Bundle]) -> None:
    if not ENGINES["openvino"].version():
        pytest.skip("OpenVINO is not installed: pip install openvino")
    integer, real = (executed(bundle, "openvino") for bundle in bundles)
    assert len(integer.kernels) == len(real.kernels) >= 5
    assert integer.integer > 0 and real.integer == 0
    assert all(kernel.how.lower().endswith("i8") == kernel.integer for kernel in integer.kernels)


def quantised(*between: tuple[str, str, dict[str, Any]], output: str = "uint8") -> onnx.ModelProto:
    """x uint8 -> DequantizeLinear -> these operators -> QuantizeLinear (or not) -> y."""
    nodes = [helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["v0"], name="dq")]
    for i, (operator, name, attributes) in enumerate(between):
        inputs = [f"v{i}", "weight"] if operator == "Conv" else [f"v{i}"]
        nodes.append(helper.make_node(operator, inputs, [f"v{i + 1}"], name=name, **attributes))
    last = f"v{len(between)}"
    if output == "uint8":
        nodes.append(helper.make_node("QuantizeLinear", [last, "scale", "zero"], ["y"], name="q"))
    else:
        nodes.append(helper.make_node("Identity", [last], ["y"], name="end"))
    weight = np.ones((2, 2, 1, 1), np.float32)
    constants = {"scale": np.float32(0.5), "zero": np.uint8(3), "weight": weight}
    kind = TensorProto.UINT8 if output == "uint8" else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "island",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 2, 4, 4])],
        [helper.make_tensor_value_info("y", kind, [1, 2, 4, 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(
    ("between", "output", "islands"),
    [
        ((("HardSwish", "act", {}),), "uint8", ("HardSwish act",)),
        ((("HardSwish", "act", {}), ("Sigmoid", "", {})), "uint8", ("HardSwish act, Sigmoid",)),
        ((("Transpose", "t", {"perm": [0, 2, 3, 1]}),), "uint8", ()),  # moves, does not compute
        ((("Softmax", "end", {}),), "float32", ()),  # the way out to the logits
        ((("Conv", "conv", {}), ("Relu", "act", {})), "uint8", ()),  # counted among the layers
    ],
)
def test_a_float_island_is_what_computes_between_integers(
    between: tuple[tuple[str, str, dict[str, Any]], ...], output: str, islands: tuple[str, ...]
) -> None:
    assert float_islands(quantised(*between, output=output)) == islands


def test_two_ways_into_one_island_are_one_island() -> None:
    model = quantised(("Sigmoid", "left", {}))
    model.graph.node.insert(1, helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["other"], name="dq2"))
    model.graph.node.insert(2, helper.make_node("Tanh", ["other"], ["right"], name="right"))
    model.graph.node.insert(4, helper.make_node("Mul", ["v1", "right"], ["both"], name="mul"))
    model.graph.node[-1].input[0] = "both"
    onnx.checker.check_model(model)
    (island,) = float_islands(model)
    assert sorted(island.split(", ")) == ["Mul mul", "Sigmoid left", "Tanh right"]


def test_tensorrts_layers_are_integer_where_all_that_they_take_is() -> None:
    """The form of its inspector's JSON (TensorRT 10); no GPU here to make one."""
    layers = [
        {"Name": "reformat", "LayerType": "Reformat", "Inputs": [{"Name": "x", "Format/Datatype": "Row major UInt8"}]},
        {
            "Name": "conv0 + relu0",
            "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "a", "Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format"}],
        },
        {
            "Name": "conv1",
            "LayerType": "CaskGemmConvolution",
            "Inputs": [{"Name": "b", "Datatype": "Float"}],
        },
        {"Name": "mean", "LayerType": "Reduce", "Inputs": [{"Name": "c", "Datatype": "Float"}]},
    ]
    assert tensorrt_execution(layers, "10.3.0") == Execution(
        "tensorrt 10.3.0",
        (
            Kernel("conv0 + relu0", True, "CaskConvolution, Thirty-two wide channel vectorized row major Int8 format"),
            Kernel("conv1", False, "CaskGemmConvolution, Float"),
        ),
        ("Reduce mean",),
    )
