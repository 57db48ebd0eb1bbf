"""What a bundle said of a stream, tick by tick: kept so that every threshold can be judged from one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calibration.clip_sets.labels import OTHER
from calibration.evaluation.streams.truth import IDLE
from edge.messages import Prediction
from edge.outputs import Output
from edge.recognition.smoothing import LOW_CONFIDENCE

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
SILENCE = -1
# Labels of a bundle that say nothing of an action: who is told them is told as much as by silence.
NOTHING_LABELS = (OTHER, "nobody", "nothing", IDLE)
JOINED_S = 0.5  # a label that is back after so short a silence never went away: an event is not two for one lost tick


@dataclass(frozen=True)
class SaidEvent:
    """A label that was said without a break: from its first tick to the end of its last one."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True)
class Heard:
    """A stream's ticks. times_s [T] since the stream's first frame; probabilities float32 [T,classes], smoothed.

    open [T]: ticks at which the threshold decides; at the others the chain abstained for another reason. gammas [T].
    threshold: the bundle's own. tick_s: the cadence of its ticks.
    """

    labels: tuple[str, ...]
    times_s: F64
    probabilities: F32
    open: npt.NDArray[np.bool_]
    gammas: F64
    threshold: float
    tick_s: float

    @property
    def confidence(self) -> F32:
        """[T]: of the likeliest label."""
        return np.asarray(self.probabilities.max(axis=1, initial=0), np.float32)

    @property
    def likeliest(self) -> I64:
        """[T]: the likeliest label, said or not."""
        return np.asarray(self.probabilities.argmax(axis=1) if len(self.times_s) else np.zeros(0), np.int64)

    def decided(self, threshold: float) -> I64:
        """[T]: the label's index that is said with this threshold, or SILENCE; at the bundle's own as it was said."""
        nothing = [i for i, label in enumerate(self.labels) if label in NOTHING_LABELS]
        best = self.likeliest
        # As the smoother compares: the confidence as a Python float.
        spoken = self.open & (self.confidence.astype(np.float64) >= threshold) & ~np.isin(best, nothing)
        return np.where(spoken, best, SILENCE)

    def events(self, decided: I64) -> list[SaidEvent]:
        """Maximal runs of one label; a silence of up to JOINED_S within does not end one, another label does."""
        events: list[SaidEvent] = []
        last = SILENCE
        for time_s, said in zip(self.times_s.tolist(), decided.tolist(), strict=True):
            if said == SILENCE:
                continue
            end_s = time_s + self.tick_s
            if said == last and time_s - events[-1].end_s <= JOINED_S:
                events[-1] = SaidEvent(events[-1].start_s, end_s, events[-1].label)
            else:
                if events and events[-1].end_s > time_s:  # a camera faster than the cadence
                    events[-1] = SaidEvent(events[-1].start_s, time_s, events[-1].label)
                events.append(SaidEvent(time_s, end_s, self.labels[said]))
            last = said
        return events


class Listener(Output):
    """Writes down what the pipeline says."""

    def __init__(self) -> None:
        self._said: list[Prediction] = []

    def prediction(self, prediction: Prediction) -> None:
        """See `Output`."""
        self._said.append(prediction)

    def heard(self, labels: Sequence[str], threshold: float, tick_s: float) -> Heard:
        """All of it. labels: the bundle's, in its order."""
        said = self._said
        probabilities = [[one.probabilities[label] for label in labels] for one in said]
        return Heard(
            tuple(labels),
            np.array([one.stream_time_s for one in said], np.float64),
            np.array(probabilities, np.float32).reshape(len(said), len(labels)),
            np.array([one.reason in (None, LOW_CONFIDENCE) for one in said], bool),
            np.array([one.gamma for one in said], np.float64),
            threshold,
            tick_s,
        )
