"""Does a bundle work here? A few seconds of the demo clip, recognised for real, before it may take a robot's camera."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import islice

import numpy as np

from edge.bundles.bundle import Bundle
from edge.cameras.recordings.demo import open_demo
from edge.errors import BundleError
from edge.recognition.cadence import Cadence, at_cadence
from edge.recognition.recogniser import Recogniser
from edge.recognition.smoothing import softmax

TICKS = 45  # three seconds of the clip at 15 Hz: longer than any state remembers in full


def self_test(bundle: Bundle, make: Callable[[Bundle], Recogniser] = Recogniser) -> float:
    """Recognise the demo clip's first TICKS ticks; returns the median time of a tick in ms.

    make: builds the recogniser as it will run. Raises BundleError: the model does not load, answers with something else
    than finite numbers, answers the same whatever it sees, or is slower here than its own tick.
    """
    pace = bundle.manifest.cadence
    recogniser = make(bundle)
    logits, times_ms = [], []
    with open_demo() as clip:
        frames = iter(lambda: clip.read(0.0), None)
        cadence = Cadence(pace.interval_ms, pace.tolerance_ms, pace.reset_after_ms)
        for frame in islice(at_cadence(frames, cadence), TICKS):
            start_s = time.perf_counter()
            result = recogniser.tick(frame)
            times_ms.append((time.perf_counter() - start_s) * 1e3)
            if result is not None:
                logits.append(result.all_logits.copy())
    answers = np.stack(logits)
    if not np.isfinite(answers).all():
        raise BundleError(f"{bundle.where}: self-test: expected finite logits, found {_worst(answers)}")
    if not np.ptp([softmax(row[0]) for row in answers], axis=0).any():
        raise BundleError(f"{bundle.where}: self-test: the same answer to {len(answers)} different pictures")
    median_ms = statistics.median(times_ms)
    if median_ms > pace.interval_ms:
        raise BundleError(
            f"{bundle.where}: self-test: a tick takes {median_ms:.1f} ms here, and the next one comes after "
            f"{pace.interval_ms:.1f} ms; use a smaller model, or a board that is not busy"
        )
    return median_ms


def _worst(answers: np.ndarray) -> str:
    wrong = ~np.isfinite(answers)
    return (
        f"{int(wrong.sum())} of {answers.size} that are not numbers, the first at tick {int(np.argwhere(wrong)[0][0])}"
    )
