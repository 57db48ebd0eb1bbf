"""An OpenVINO IR of the student, quantised by NNCF with settings that keep accuracy."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from calibration.tensors import ClipTensors
from edge.bundles.bundle import Bundle
from edge.files import scratch_folder
from quantize.observing.ranges import Activations

FILES = ("student.xml", "student.bin")
SAMPLES = 300  # ticks; NNCF's own default
Sample = Mapping[str, npt.NDArray[np.generic]]


def samples(source: Bundle, clips: Sequence[ClipTensors]) -> list[Sample]:
    """Ticks of a float student with real states, spread over clips and experts."""
    activations = Activations(onnx.load_from_string(source.student_bytes()), source.manifest.states, [])
    inputs = ("x", *(state.input for state in source.manifest.states))
    every = max(1, sum(clip.x.shape[1] for clip in clips) // SAMPLES)
    seen = (tick for i, clip in enumerate(clips) for tick in activations.stream(clip.x[i % len(clip.x)]))
    return [{name: tick[name] for name in inputs} for tick in islice(seen, every // 2, None, every)]


def ir(student: bytes, data: Sequence[Sample]) -> dict[str, bytes]:
    """`student.xml` and `student.bin` of a float student; the same input gives the same bytes."""
    with _imports() as (nncf, openvino):
        model = openvino.Core().read_model(io.BytesIO(student))
        estimator = nncf.quantization.range_estimator.RangeEstimatorParametersSet
        advanced = nncf.quantization.advanced_parameters
        quantised = nncf.quantize(
            model,
            nncf.Dataset(list(data)),
            subset_size=len(data),
            preset=nncf.QuantizationPreset.MIXED,  # activations asymmetric
            # Its defaults clipped bright clips and halved the weights' levels: 8 to 12 dB where these give 45.
            advanced_parameters=advanced.AdvancedQuantizationParameters(
                overflow_fix=advanced.OverflowFix.DISABLE,
                disable_bias_correction=True,
                activations_range_estimator_params=estimator.MINMAX,
            ),
        )
        for number, operation in enumerate(quantised.get_ordered_ops()):
            kind = operation.get_type_name()
            if re.fullmatch(rf"{kind}_\d+", operation.get_friendly_name()):  # counts what this process made before
                operation.set_friendly_name(f"{kind}.{number}")
        with scratch_folder("quantize") as scratch:
            path = Path(scratch) / FILES[0]
            openvino.save_model(quantised, path, compress_to_fp16=False)
            return {name: (Path(scratch) / name).read_bytes() for name in FILES}


@contextmanager
def _imports() -> Iterator[tuple[Any, Any]]:
    """nncf and openvino; nncf would import PyTorch where it is installed, and needs none of it here."""
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import nncf
        import nncf.quantization.advanced_parameters
        import nncf.quantization.range_estimator
        import openvino

        logging.getLogger("nncf").setLevel(logging.ERROR)
        yield nncf, openvino
    finally:
        if hidden:
            del sys.modules["torch"]
