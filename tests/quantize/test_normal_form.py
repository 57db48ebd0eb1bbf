"""However an exporter spells a network, it is quantised alike: linear layers, constants, opsets, divisions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from edge.bundles.bundle import Bundle, write_bundle
from edge.errors import BundleError
from quantize.cli import main
from quantize.graph import weighted_layers
from quantize.judging.execution import executed
from quantize.judging.fidelity import HeldOutClips
from quantize.normal_form import normal_form
from quantize.rewriting.qdq import S8S8, SYMMETRIC, U8S8, Scheme
from quantize.search import IntegerStudent, Maker, Search
from tests.clips import write_square_folder
from tests.quantize.networks import LOGITS, Network, float_bundle, smooth_clip, smooth_share

CLASSES = LOGITS[1] * LOGITS[2]


def network(head: str = "gemm") -> bytes:
    """Two convolutions, the mean over the picture, and a linear layer as the head, spelled in one of several ways."""
    net = Network(7)
    rng = np.random.default_rng(8)
    weight = rng.normal(0, 0.3, (16, CLASSES)).astype(np.float32)
    bias = rng.normal(0, 0.3, CLASSES).astype(np.float32)
    add, constant = net.graph.add, net.graph.constant
    x = add("Transpose", [net.picture], perm=[0, 3, 1, 2])
    x = add("Relu", [net.conv(x, 3, 16, (3, 3), strides=[2, 2])])
    x = add("Relu", [net.conv(x, 16, 16, (3, 3), strides=[2, 2])])
    if head == "rows":  # every place of the picture by itself, as attention does
        places = add("Reshape", [x, constant(np.array([1, 16, -1], np.int64))])
        x = add("MatMul", [add("Transpose", [places], perm=[0, 2, 1]), constant(weight)])
        x = add("ReduceMean", [add("Add", [x, constant(bias)]), constant(np.array([1], np.int64))], keepdims=0)
    else:
        x = add("Flatten", [add("GlobalAveragePool", [x])])
        if head == "gemm":
            x = add("Gemm", [x, constant(weight.T.copy()), constant(bias)], transB=1)
        elif head == "gemm, scaled":
            x = add("Gemm", [x, constant(weight / 2), constant(bias[None] * 4)], alpha=2.0, beta=0.25)
        elif head == "gemm without bias":
            x = add("Gemm", [x, constant(weight)])
        elif head == "matmul":
            x = add("Add", [constant(bias), add("MatMul", [x, constant(weight)])])
        elif head == "matmul alone":
            x = add("MatMul", [x, constant(weight)])
    add("Reshape", [x, constant(np.array(LOGITS, np.int64))], output="logits")
    return net.onnx()


HEADS = ("gemm", "gemm, scaled", "gemm without bias", "matmul", "matmul alone", "rows")


def weights_as_inputs(model: onnx.ModelProto) -> None:
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


def constant_nodes(model: onnx.ModelProto) -> None:
    nodes = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in model.graph.initializer]
    others = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend([*nodes, *others])


def identities(model: onnx.ModelProto) -> None:
    """As exporters share weights, and hand on tensors."""
    for node in list(model.graph.node):
        if node.op_type in ("Conv", "Gemm"):
            place = list(model.graph.node).index(node)
            for which in range(len(node.input)):
                name = f"{node.input[which]}_{node.name}_again"
                model.graph.node.insert(place, helper.make_node("Identity", [node.input[which]], [name]))
                node.input[which] = name


def opset_11(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 11  # none of its operators has changed since
    model.ir_version = 6


def divided(model: onnx.ModelProto) -> None:
    scale = next(node for node in model.graph.node if node.op_type == "Mul")
    factor = next(tensor for tensor in model.graph.initializer if tensor.name == scale.input[1])
    factor.CopyFrom(numpy_helper.from_array(np.asarray(255, np.float32), factor.name))
    scale.op_type = "Div"


SPELLINGS = (weights_as_inputs, constant_nodes, identities, opset_11, divided)


def spelled(student: bytes, spelling: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.load_from_string(student)
    spelling(model)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def logits(student: bytes) -> np.ndarray:
    session = ort.InferenceSession(student, providers=["CPUExecutionProvider"])
    return np.stack([session.run(["logits"], {"x": picture[None]})[0] for picture in smooth_clip(5, 6)])


def made(source: Bundle, scheme: Scheme = U8S8) -> IntegerStudent:
    held_out = HeldOutClips(source, smooth_share(2, seed=100))
    return Maker(source, smooth_share(3), held_out, None).best(scheme, Search("minmax", mixed=False, max_drop=100.0))


@pytest.mark.parametrize("head", HEADS)
def test_the_normal_form_gives_the_same_numbers(head: str) -> None:
    student = network(head)
    model = normal_form(onnx.load_from_string(student))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in weighted_layers(model)] == ["Conv"] * 3
    assert np.abs(logits(student) - logits(model.SerializeToString())).max() < 1e-5


@pytest.mark.parametrize("head", HEADS)
def test_a_linear_layer_is_quantised_and_named(head: str) -> None:
    student = network(head)
    linear = next(n.name for n in onnx.load_from_string(student).graph.node if n.op_type in ("Gemm", "MatMul"))
    for form in (U8S8, S8S8, SYMMETRIC):
        found = made(float_bundle(student, ()), form)
        assert [layer.name for layer in found.layers][-1] == linear and len(found.layers) == 3
        assert all(layer.quantised for layer in found.layers) and found.trials[0].fidelity.logits_db > 20
        if form is not SYMMETRIC:
            execution = executed(found.bundle, "onnxruntime")
            assert len(execution.kernels) == 3 and not execution.floats


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda one: one.__name__)
def test_every_spelling_is_quantised_alike(spelling: Callable[[onnx.ModelProto], None]) -> None:
    student = network()
    other = spelled(student, spelling)
    assert np.abs(logits(other) - logits(student)).max() < 1e-5
    first, second = (made(float_bundle(one, ())) for one in (student, other))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert len(executed(second.bundle, "onnxruntime").kernels) == 3
    assert np.abs(logits(first.bundle.student_bytes()) - logits(second.bundle.student_bytes())).max() < 1e-3


def test_a_layer_that_is_no_convolution_is_no_stranger_to_any_pass() -> None:
    """A transposed convolution, and weights on the left of a MatMul."""
    net, rng = Network(9), np.random.default_rng(9)
    add, constant = net.graph.add, net.graph.constant
    x = add("Transpose", [net.picture], perm=[0, 3, 1, 2])
    x = add("Relu", [net.conv(x, 3, 8, (3, 3), strides=[2, 2])])
    up = [constant(rng.normal(0, 0.3, shape).astype(np.float32)) for shape in ((8, 8, 2, 2), (8,))]
    x = add("GlobalAveragePool", [add("ConvTranspose", [x, *up], strides=[2, 2])])
    column = add("Reshape", [x, constant(np.array([8, 1], np.int64))])
    x = add("MatMul", [constant(rng.normal(0, 0.3, (CLASSES, 8)).astype(np.float32)), column])
    add("Reshape", [x, constant(np.array(LOGITS, np.int64))], output="logits")
    found = made(float_bundle(net.onnx(), ()))
    assert [layer.operator for layer in found.layers] == ["Conv", "ConvTranspose", "MatMul"]


def test_an_opset_that_cannot_be_lifted_is_refused() -> None:
    model = onnx.load_from_string(network())
    model.opset_import[0].version = 1
    with pytest.raises(BundleError, match=r"expected opset 13 or newer, found 1.*opset_version=17"):
        normal_form(model)


def test_the_command_takes_a_linear_head_with_constants_as_nodes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = float_bundle(spelled(network(), constant_nodes), ())
    write_bundle(tmp_path / "float", bundle.manifest, dict(bundle.files))
    clips = write_square_folder(tmp_path / "squares", 9)
    paths = [f"--calib=folder:{clips}", f"--model={tmp_path}/float", f"--out={tmp_path}/int8"]
    assert main([*paths, "--workers=1", "--max-drop=100", "--force", "--estimator=minmax"]) == 0
    assert "3 of 3 layers with weights are integer kernels" in capsys.readouterr().out
    assert Bundle.load(tmp_path / "int8").manifest.precision == "int8"
