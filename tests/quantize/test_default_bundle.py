"""The bundle in the package: INT8 throughout, and streaming equals the unrolled clip."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from edge.bundles.bundle import Bundle, default_bundle_path
from edge.engines.onnxruntime import OnnxRuntimeSession, session_options
from quantize.judging.execution import executed
from quantize.judging.unroll import unrolled_clip

pytestmark = pytest.mark.skipif(not default_bundle_path().exists(), reason="edge/data/bundle is not made: make bundle")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(default_bundle_path())


def test_every_convolution_runs_as_qlinearconv(bundle: Bundle) -> None:
    ran = executed(bundle, "onnxruntime")
    assert ran.floats == ()
    assert ran.integer >= 5


def test_streaming_equals_the_clip(bundle: Bundle) -> None:
    ticks, size = 6, bundle.manifest.input
    clip = np.random.default_rng(0).integers(0, 256, (ticks, size.height, size.width, 3), np.uint8)
    student = OnnxRuntimeSession(bundle)
    streamed = np.stack([student.step(x[np.newaxis]) for x in clip])
    unrolled = ort.InferenceSession(unrolled_clip(bundle, ticks), session_options(), ["CPUExecutionProvider"])
    whole = np.concatenate(unrolled.run(None, {f"x{t}": clip[t : t + 1] for t in range(ticks)}))
    np.testing.assert_allclose(streamed, whole, rtol=0, atol=1e-5)


def test_the_manifest_tells_float_and_integer_accuracy(bundle: Bundle) -> None:
    measured = {entry.what: entry for entry in bundle.manifest.accuracy}
    assert {"float32, before quantisation", "int8"} <= set(measured)
    assert all(entry.clips > 0 for entry in measured.values())
