"""Does a bundle work here? A few seconds of the demo clip, recognised for real, before it may take a robot's camera."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import REMAKE
from edge.cameras.recordings.demo import open_demo
from edge.errors import BundleError, EdgeError
from edge.printable import one_line
from edge.recognition.chain import Chain, Tick
from edge.recognition.smoothing import softmax

LOAD_S = 30.0  # systemd ends a service that is not ready after 60 s (TimeoutStartSec=)
LONGEST_S = 60.0  # of all ticks together
TICKS = 45  # three seconds of the clip at 15 Hz: longer than any state remembers in full


def self_test(bundle: Bundle, make: Callable[[Bundle], Chain] = Chain) -> float:
    """Recognise the demo clip's first TICKS ticks; returns the median time of a tick in ms.

    make: builds the chain as it will run. Raises BundleError: the model does not load, answers with something else
    than finite numbers, answers the same whatever it sees, or is slower here than its own tick.
    """
    pace = bundle.manifest.cadence
    try:
        ticks = list(islice(_ticks(_loaded(bundle, make)), TICKS))
    except EdgeError:
        raise
    except Exception as error:  # whatever it trips over in the libraries, here is where it must not go on
        reason = one_line(f"{type(error).__name__}: {error}")
        raise BundleError(f"{bundle.where}: self-test: it does not work here: {reason}; {REMAKE}") from error
    answers = np.asarray([tick.result.all_logits for tick, _ in ticks if tick.result is not None], np.float32)
    if not len(answers):
        raise BundleError(f"{bundle.where}: self-test: no answer to {len(ticks)} ticks of the demo; {REMAKE}")
    if not np.isfinite(answers).all():
        raise BundleError(f"{bundle.where}: self-test: expected finite logits, found {_worst(answers)}")
    if not np.ptp([softmax(row[0]) for row in answers], axis=0).any():
        raise BundleError(f"{bundle.where}: self-test: the same answer to {len(answers)} different pictures")
    median_ms = statistics.median(time_ms for _, time_ms in ticks)
    if median_ms > pace.interval_ms:
        raise BundleError(
            f"{bundle.where}: self-test: a tick takes {median_ms:.1f} ms here, and the next one comes after "
            f"{pace.interval_ms:.1f} ms; use a smaller model, or a board that is not busy"
        )
    return median_ms


def _loaded(bundle: Bundle, make: Callable[[Bundle], Chain]) -> Chain:
    """The chain; a model that loads for minutes would have systemd start the service again and again."""
    start_s = time.perf_counter()
    chain = make(bundle)
    load_s = time.perf_counter() - start_s
    if load_s > LOAD_S and not chain.engine.startswith("tensorrt"):  # which builds for minutes, once
        raise BundleError(
            f"{bundle.where}: self-test: it takes {load_s:.0f} s to load, and may take {LOAD_S:g} s; {REMAKE}"
        )
    return chain


def _ticks(chain: Chain) -> Iterator[tuple[Tick, float]]:
    """What the chain makes of the demo clip, and how long each took, in ms. Raises BundleError: too long."""
    working_s = 0.0
    with open_demo() as clip:
        for frame in iter(lambda: clip.read(0.0), None):
            start_s = time.perf_counter()
            tick = chain.take(frame)
            working_s += time.perf_counter() - start_s
            if tick is not None:
                yield tick, (time.perf_counter() - start_s) * 1e3
            if working_s > LONGEST_S:
                raise BundleError(
                    f"{chain.bundle.where}: self-test: given up after {working_s:.0f} s; use a smaller model, or a "
                    "board that is not busy"
                )


def _worst(answers: np.ndarray) -> str:
    wrong = ~np.isfinite(answers)
    return (
        f"{int(wrong.sum())} of {answers.size} that are not numbers, the first at tick {int(np.argwhere(wrong)[0][0])}"
    )
