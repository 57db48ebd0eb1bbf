"""From a stream of logits to actions: what is going on now, as a probability, and when an action begins and ends.

A hidden Markov model of what somebody does, filtered forwards (Rabiner, A Tutorial on Hidden Markov Models, 1989):
every tick something else may have begun, and every tick's answer counts as far as it is news. Between labels stand two
that are no action: `other`, somebody does something that has no label, and `nothing`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edge.bundles.manifest import BACKGROUND, DecisionSpec, OperatingPoint
from edge.recognition.smoothing import CLOCK_S, LOW_CONFIDENCE, NOT_FINITE, WARMING_UP, Decision, softmax

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

UNKNOWN_ACTION, NO_ACTION = "unknown_action", "no_action"
REASONS = dict(zip(BACKGROUND, (UNKNOWN_ACTION, NO_ACTION), strict=True))
TICK_S = 0.0667  # what `evidence` is told for: answers that come twice as often count half as much each
LONGEST_S = 1.0  # a gap counts as no longer than this: what is not seen is no evidence
SMALLEST = 1e-12


class Decoder:
    """The belief in every label after every tick, and the label that is said.

    A label begins when its belief has been at `enter` or above for `shortest_ms`, and ends when it falls under `leave`
    or another one begins. The belief is the decision's probabilities: what is said has to hold, and confidence says how
    far it does.
    """

    def __init__(self, labels: tuple[str, ...], spec: DecisionSpec, sensitivity: str = "normal") -> None:
        self._scale, self._bias = np.asarray(spec.scale, np.float64), np.asarray(spec.bias, np.float64)
        self._spec, self._point = spec, spec.point(sensitivity)
        self._chooser = Chooser(
            np.array([label not in BACKGROUND for label in labels]),
            self._point.enter,
            self._point.leave,
            spec.shortest_ms / 1e3,
        )
        self._reasons = [REASONS.get(label) for label in labels]
        self._start = np.full(len(labels), 1 / len(labels))
        self.reset()

    @property
    def point(self) -> OperatingPoint:
        """The one in use."""
        return self._point

    def reset(self) -> None:
        """Forget the stream."""
        self._belief = self._start
        self._first_s: float | None = None
        self._last_s = -math.inf
        self._chooser.reset()

    def step(self, logits: F32, time_s: float) -> Decision:
        """Take one tick's logits, float32 [classes], and decide. time_s: of its capture; it does not fall."""
        if not np.isfinite(logits).all():
            return self.skip(NOT_FINITE)
        if self._first_s is None:
            self._first_s = time_s
            self._last_s = time_s - TICK_S
        self._believe(logits, min(time_s - self._last_s, LONGEST_S))
        self._last_s = time_s
        said = self._chooser.step(self._belief, time_s)
        probabilities = np.asarray(self._belief, np.float32)
        if time_s - self._first_s < self._spec.warm_up_ms / 1e3 - CLOCK_S:
            return Decision(None, WARMING_UP, float(probabilities.max()), probabilities)
        if said is not None:
            return Decision(said, None, float(probabilities[said]), probabilities)
        most = int(np.argmax(self._belief))
        return Decision(None, self._reasons[most] or LOW_CONFIDENCE, float(probabilities[most]), probabilities)

    def skip(self, reason: str) -> Decision:
        """Abstain for another reason: this tick's logits mean nothing and are no evidence."""
        self._chooser.reset()
        return Decision(None, reason, 0.0, np.zeros(len(self._start), np.float32))

    def _believe(self, logits: F32, passed_s: float) -> None:
        changed = 1 - math.exp(-1e3 * passed_s / self._spec.dwell_ms)
        expected = (1 - changed) * self._belief + changed * self._start
        # What all logits have in common says nothing, and scales must not make it speak.
        relative = np.log(np.maximum(softmax(logits).astype(np.float64), SMALLEST))
        answer = softmax(np.asarray(self._scale * relative + self._bias, np.float32)).astype(np.float64)
        belief = expected * np.maximum(answer, SMALLEST) ** (self._spec.evidence * passed_s / TICK_S)
        self._belief = belief / belief.sum()


class Chooser:
    """Which action is said, from beliefs alone: its state is what was said, and what may begin, and since when.

    actions: bool [classes], those that can be said.
    """

    def __init__(self, actions: npt.NDArray[np.bool_], enter: float, leave: float, shortest_s: float) -> None:
        self._actions, self._enter, self._leave, self._shortest_s = actions, enter, leave, shortest_s
        self.reset()

    def reset(self) -> None:
        """Nothing is said, and nothing may begin."""
        self._said: int | None = None
        self._likely: int | None = None
        self._since_s = 0.0

    def step(self, belief: F64, time_s: float) -> int | None:
        """Take one tick's belief, float64 [classes]; the index of the action that is said."""
        if self._said is not None and belief[self._said] < self._leave:
            self._said = None
        beliefs = np.where(self._actions, belief, -1.0)
        best = int(np.argmax(beliefs))
        if best == self._said or beliefs[best] < self._enter:
            self._likely = None
            return self._said
        if best != self._likely:
            self._likely, self._since_s = best, time_s
        if time_s - self._since_s >= self._shortest_s - CLOCK_S:
            self._said, self._likely = best, None
        return self._said
