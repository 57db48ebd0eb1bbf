"""What a bundle said of a stream, tick by tick: kept so that every threshold can be judged from one run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calibration.clip_sets.labels import OTHER
from calibration.evaluation.streams.truth import IDLE
from edge.bundles.manifest import BACKGROUND, NORMAL, Manifest
from edge.messages import Prediction
from edge.outputs import Output
from edge.recognition.decoder import NO_ACTION, UNKNOWN_ACTION, Chooser
from edge.recognition.smoothing import LOW_CONFIDENCE, WARMING_UP

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
SILENCE = -1
# Labels of a bundle that say nothing of an action: who is told them is told as much as by silence.
NOTHING_LABELS = (OTHER, "nobody", "nothing", IDLE)
OPEN, WARMING, CLOSED = range(3)
STATES = {WARMING_UP: WARMING, **dict.fromkeys((None, LOW_CONFIDENCE, UNKNOWN_ACTION, NO_ACTION), OPEN)}
JOINED_S = 0.5  # a label that is back after so short a silence never went away: an event is not two for one lost tick


@dataclass(frozen=True)
class SaidEvent:
    """A label that was said without a break: from its first tick to the end of its last one."""

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True)
class Rule:
    """How probabilities become a label. threshold: what they must reach.

    leave, shortest_s: of a decoder (edge/recognition/decoder.py), which holds a label until it falls under `leave`, and
    waits so long before it begins; leave is None of a bundle that takes every tick for itself.
    """

    threshold: float
    leave: float | None = None
    shortest_s: float = 0.0

    @staticmethod
    def of(manifest: Manifest) -> Rule:
        """As the bundle decides, at its normal operating point."""
        if manifest.decision is None:
            return Rule(manifest.smoothing.minimum_confidence)
        point = manifest.decision.point(NORMAL)
        return Rule(point.enter, point.leave, manifest.decision.shortest_ms / 1e3)

    def at(self, threshold: float) -> Rule:
        """The same with another threshold; the one to leave at keeps its part of it."""
        return self if threshold == self.threshold else Rule(threshold, self._part(threshold), self.shortest_s)

    def _part(self, threshold: float) -> float | None:
        return None if self.leave is None else threshold * self.leave / max(self.threshold, 1e-9)


@dataclass(frozen=True)
class Heard:
    """A stream's ticks. times_s [T] since the stream's first frame; probabilities float32 [T,classes].

    said [T]: the label's index as the bundle said it, or SILENCE. state [T]: OPEN, where the rule decides, or why it
    does not, WARMING_UP or CLOSED. gammas [T]. tick_s: the cadence of its ticks.
    """

    labels: tuple[str, ...]
    times_s: F64
    probabilities: F32
    said: I64
    state: npt.NDArray[np.uint8]
    gammas: F64
    rule: Rule
    tick_s: float

    @property
    def open(self) -> npt.NDArray[np.bool_]:
        """[T]: ticks at which the rule decides."""
        return np.asarray(self.state == OPEN, bool)

    @property
    def confidence(self) -> F32:
        """[T]: of the likeliest label."""
        return np.asarray(self.probabilities.max(axis=1, initial=0), np.float32)

    @property
    def likeliest(self) -> I64:
        """[T]: the likeliest label, said or not."""
        return np.asarray(self.probabilities.argmax(axis=1) if len(self.times_s) else np.zeros(0), np.int64)

    def decided(self, threshold: float | None = None) -> I64:
        """[T]: the label's index that is said with this threshold, or SILENCE; None: as the bundle said it."""
        if threshold is None:
            said = self.said
        elif self.rule.leave is None:
            # As the smoother compares: the confidence as a Python float.
            enough = self.open & (self.confidence.astype(np.float64) >= threshold)
            said = np.where(enough, self.likeliest, SILENCE)
        else:
            said = self._held(self.rule.at(threshold))
        nothing = [i for i, label in enumerate(self.labels) if label in NOTHING_LABELS]
        return np.where(np.isin(said, nothing), SILENCE, said)

    def _held(self, rule: Rule) -> I64:
        """As the decoder would have said at another operating point: its beliefs do not hang on it."""
        actions = np.array([label not in BACKGROUND for label in self.labels])
        chooser = Chooser(actions, rule.threshold, rule.leave or 0.0, rule.shortest_s)
        told, before = np.full(len(self.times_s), SILENCE), OPEN
        for tick, (belief, time_s, state) in enumerate(
            zip(self.probabilities.astype(np.float64), self.times_s.tolist(), self.state.tolist(), strict=True)
        ):
            if state == CLOSED or (state == WARMING and before == OPEN):  # nothing seen, or begun anew
                chooser.reset()
            before = state if state != CLOSED else before
            if state != CLOSED and (said := chooser.step(belief, time_s)) is not None and state == OPEN:
                told[tick] = said
        return told

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

    def heard(self, manifest: Manifest) -> Heard:
        """All of it, of a bundle with this manifest."""
        said, labels = self._said, manifest.labels
        probabilities = [[one.probabilities[label] for label in labels] for one in said]
        return Heard(
            labels,
            np.array([one.stream_time_s for one in said], np.float64),
            np.array(probabilities, np.float32).reshape(len(said), len(labels)),
            np.array([SILENCE if one.label is None else labels.index(one.label) for one in said], np.int64),
            np.array([STATES.get(one.reason, CLOSED) for one in said], np.uint8),
            np.array([one.gamma for one in said], np.float64),
            Rule.of(manifest),
            manifest.cadence.interval_ms / 1e3,
        )
