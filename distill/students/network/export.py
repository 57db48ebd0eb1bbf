"""A trained student as a float bundle: the streaming network in ONNX, the gate's weights, the manifest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distill.students.network.batch_norms import fold
from distill.students.network.quantisers import QuantisedStudent
from distill.students.network.student import StudentNetwork
from edge.bundles.manifest import StateSpec

OPSET = 20


class DeployedStudent(nn.Module):
    """The contract of docs/architecture.md: x uint8 [1,H,W,3], states [1,h,w,c] -> logits, next states.

    Batch norm and the input's centring are folded into the convolutions, so the network computes on x / 255. One that
    rounds brings its quantisers along.
    """

    def __init__(self, student: StudentNetwork) -> None:
        super().__init__()
        self.student = student.frozen() if isinstance(student, QuantisedStudent) else fold(student)

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        picture = (x.float() * (1.0 / 255.0)).permute(0, 3, 1, 2)
        logits, next_states = self.student.step_folded(picture, states)
        return (logits, *next_states)


def to_onnx(student: StudentNetwork, height: int, width: int) -> tuple[bytes, tuple[StateSpec, ...]]:
    """The streaming network for pictures of this size, as the bytes of an ONNX file, and its states."""
    shapes = student.state_shapes(height, width)
    states = tuple(StateSpec(f"s{i}", f"t{i}", shape, "float32", 0) for i, shape in enumerate(shapes))
    example = (torch.zeros(1, height, width, 3, dtype=torch.uint8), *(torch.zeros(shape) for shape in shapes))
    program = torch.onnx.export(
        DeployedStudent(student).eval(),
        example,
        dynamo=True,
        opset_version=OPSET,
        input_names=["x", *(state.input for state in states)],
        output_names=["logits", *(state.output for state in states)],
        external_data=False,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    for thing in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del thing.metadata_props[:]  # where on this machine the code lay
    return model.SerializeToString(), states
