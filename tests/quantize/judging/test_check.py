"""Students that cannot be quantised: each is refused with one message that names what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge.errors import BundleError
from quantize.judging.check import checked
from tests.students import tiny_student

Change = Callable[[onnx.ModelProto], None]


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[3].op_type = "Convoluted"


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node[3].domain = "my.lab"


def a_loop(model: onnx.ModelProto) -> None:
    model.graph.node[3].op_type = "Loop"


def dynamic_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"


def no_shape(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.ClearField("shape")


def external_weights(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[1]
    onnx.external_data_helper.set_external_data(tensor, "weights.bin")
    tensor.ClearField("raw_data")


def nan_weights(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[1]
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def no_picture(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = model.graph.node[0].input[0] = "picture"


def no_logits(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = model.graph.node[-1].output[0] = "scores"


def nothing_inside(model: onnx.ModelProto) -> None:
    del model.graph.node[:]


CASES: dict[Change, str] = {
    unknown_operator: "operator Convoluted (n3): expected a standard ONNX operator of opset 20",
    foreign_operator: "found one of the domain 'my.lab'",
    a_loop: "operator Loop (n3): expected a graph without branches and loops",
    dynamic_batch: "input x: expected a fixed shape, found [batch, 24, 32, 3]",
    no_shape: "output logits: expected a fixed shape, found []",
    external_weights: "c1: expected the weights in the file itself, found them in weights.bin",
    nan_weights: "c1: expected finite weights, found NaN or infinity",
    no_picture: "expected an input x, found picture, s0, s1",
    no_logits: "expected an output logits, found scores, t0, t1",
    nothing_inside: "expected an ONNX file, found no operators in it",
}


@pytest.mark.parametrize("change", CASES, ids=lambda change: change.__name__)
def test_it_is_refused_with_one_message(change: Change) -> None:
    model = onnx.load_from_string(tiny_student().streaming_onnx())
    change(model)
    with pytest.raises(BundleError) as caught:
        checked(model.SerializeToString(), "student.onnx")
    message = str(caught.value)
    assert message.startswith("student.onnx: ") and CASES[change] in message and "\n" not in message


def test_what_is_no_onnx_file_is_refused() -> None:
    with pytest.raises(BundleError, match="expected an ONNX file"):
        checked(b"\x00nothing of the kind", "student.onnx")


def test_a_good_student_passes() -> None:
    student = tiny_student().streaming_onnx()
    assert checked(student, "student.onnx") == onnx.load_from_string(student)
