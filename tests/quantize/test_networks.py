"""Students that are not ours: quantised, run as integers, faithful to float, and the same as a stream and as a clip."""

from __future__ import annotations

import pytest

from edge.bundles.bundle import Bundle
from quantize.judging.execution import executed
from quantize.judging.fidelity import HeldOutClips
from quantize.judging.verify import STREAM_TOLERANCE, offsets, streaming_difference
from quantize.rewriting.qdq import S8S8, SYMMETRIC, U8S8, Scheme
from quantize.search import IntegerStudent, Maker, Search
from tests.quantize.networks import NETWORKS, mean_and_maximum, smooth_share

PLAIN = Search("minmax", mixed=False, max_drop=100.0)


def made(source: Bundle, scheme: Scheme = U8S8, search: Search = PLAIN) -> IntegerStudent:
    held_out = HeldOutClips(source, smooth_share(3, seed=100))
    return Maker(source, smooth_share(), held_out, None).best(scheme, search)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_convolution_becomes_an_integer_kernel(name: str) -> None:
    found = made(NETWORKS[name]())
    execution = executed(found.bundle, "onnxruntime")
    assert execution.kernels and not execution.floats
    assert found.trials[0].fidelity.logits_db > 25
    assert {layer.name for layer in found.layers} and all(layer.sqnr_db > 15 for layer in found.layers)
    assert streaming_difference(found.bundle) < STREAM_TOLERANCE


def test_what_has_no_integer_form_is_an_island_with_a_name() -> None:
    islands = executed(made(NETWORKS["hard-swish"]()).bundle, "onnxruntime").islands
    assert islands and all("HardSwish" in island or "Hard" in island for island in islands)


@pytest.mark.parametrize("name", NETWORKS)
def test_other_forms(name: str) -> None:
    source = NETWORKS[name]()
    for scheme in (S8S8, SYMMETRIC):
        found = made(source, scheme)
        assert found.trials[0].fidelity.logits_db > 20, scheme.name
        if scheme is S8S8:  # as on ARM, or the target would be refused on other machines
            assert not executed(found.bundle, "onnxruntime").floats
        assert streaming_difference(found.bundle) < STREAM_TOLERANCE
    assert offsets(found.bundle.student_bytes()) == ()
    assert {state.dtype for state in found.bundle.manifest.states} == {"float32"}


def test_branches_of_different_range_get_their_own_levels() -> None:
    source = mean_and_maximum()
    maker = Maker(source, smooth_share(), HeldOutClips(source, smooth_share(3, seed=100)), None)
    ready = maker.corrected("minmax")
    (concat,) = [node for node in ready.model.graph.node if node.op_type == "Concat"]
    low, high = (ready.ranges[name][1] for name in concat.input)
    assert low == pytest.approx(high, rel=0.3)
    assert not executed(maker.best(U8S8, PLAIN).bundle, "onnxruntime").floats
