"""From what a network answers in streams to a decision: probabilities that hold, how long things last, when to speak.

Streams are run once, with a decision that decides nothing (`raw`): its beliefs are the network's answers, tick by tick.
Every other decision is then tried on what was heard.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from calibration.clip_sets.labels import NOTHING, OTHER
from calibration.deciding.scaling import Scaling, fit
from calibration.evaluation.streams.heard import CLOSED, OPEN, WARMING, Heard, Rule
from calibration.evaluation.streams.judge import Counts, Judge
from calibration.evaluation.streams.matching import ANY
from calibration.evaluation.streams.scores import HOUR_S, HeardStream
from calibration.evaluation.streams.truth import ACTING, UNKNOWN_ACTION, during
from edge.bundles.manifest import SENSITIVITIES, DecisionSpec, Manifest, OperatingPoint
from edge.errors import DataError
from edge.recognition.decoder import SMALLEST, TICK_S, Decoder

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

DWELLS_MS = (1500.0, 4000.0)
EVIDENCE = (0.15, 0.3, 0.6)
SHORTEST_MS = (133.0, 333.0)
LEAVES = (0.5, 0.75)  # of `enter`
ENTERS = (*(round(0.05 * i, 2) for i in range(4, 20)), 0.97, 0.99)
F1_OVERLAP = 0.3
TARGETS_AN_HOUR = (2.0, 5.0, 20.0)  # false labels that low, normal and high may say
EVENT_WEIGHT = 3.0  # ticks that are news, of an event's many
TRUST = 10.0  # news that it takes until what is seen outweighs that the softmax may be right
SETTLED_S = 0.5  # after something began, before its ticks are learnt from: the network answers for the past, too
DEFAULT_WARM_UP_MS = 500.0


def raw(manifest: Manifest) -> Manifest:
    """The same network, whose beliefs are its answers."""
    ones, never = (1.0,) * len(manifest.labels), OperatingPoint(1.0, 1.0, 0.0, 0.0)
    spec = DecisionSpec(ones, (0.0,) * len(ones), 1.0, 1.0, 0.0, 0.0, never, never, never)
    return manifest.deciding(spec)


@dataclass(frozen=True)
class Choice:
    """What was chosen, and at its normal point what that comes to on the streams that it was chosen on."""

    spec: DecisionSpec
    f1: float
    rows: int


def choose(
    streams: Sequence[HeardStream],
    targets_an_hour: Sequence[float] = TARGETS_AN_HOUR,
    progress: Callable[[int, int], None] | None = None,
) -> Choice:
    """The decision with the highest F1 at its normal point. streams: heard with a `raw` manifest.

    targets_an_hour: false labels that each of SENSITIVITIES may say where there is nothing to name, the lowest first.
    Raises DataError where the streams hold nothing that could be learnt from.
    """
    labels = streams[0].heard.labels
    scaling, rows = _fitted(streams, labels)
    best: tuple[float, DecisionSpec] | None = None
    grid = list(product(DWELLS_MS, EVIDENCE))
    for done, (dwell_ms, evidence) in enumerate(grid, 1):
        spec = _spec(scaling, dwell_ms, evidence)
        believed = [_believed(stream, spec) for stream in streams]
        for shortest_ms, leave in product(SHORTEST_MS, LEAVES):
            found = _with_points(dataclasses.replace(spec, shortest_ms=shortest_ms), believed, leave, targets_an_hour)
            if best is None or found[0] > best[0]:
                best = found
        if progress is not None:
            progress(done, len(grid))
    assert best is not None
    return Choice(best[1], best[0], rows)


def _fitted(streams: Sequence[HeardStream], labels: Sequence[str]) -> tuple[Scaling, int]:
    """Scaling, and from how many ticks."""
    parts = [_rows(stream, labels) for stream in streams]
    logits, truth, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(truth):
        raise DataError("the streams hold nothing that this bundle has a label for; take a set of its labels")
    return fit(logits, truth, weights, TRUST), len(truth)


def _rows(stream: HeardStream, labels: Sequence[str]) -> tuple[F64, I64, F64]:
    """Ticks of which is known what goes on: log-probabilities [N,classes], the label [N], weights [N]."""
    heard, index = stream.heard, {label: i for i, label in enumerate(labels)}
    events = stream.truth.events(stream.naming)
    truth = np.full(len(heard.times_s), -1)
    several = np.zeros(len(heard.times_s), int)
    for event in events:
        mine = (heard.times_s >= event.start_s + SETTLED_S) & (heard.times_s < event.end_s)
        truth[mine] = index[event.label]
        several += during([event], heard.times_s)
    states = stream.truth.states(heard.times_s, stream.naming)
    if OTHER in index:
        truth[states[UNKNOWN_ACTION]] = index[OTHER]
    if NOTHING in index:
        for state, here in states.items():
            if state not in (ACTING, UNKNOWN_ACTION):
                truth[here] = index[NOTHING]
    chosen = (truth >= 0) & (several <= 1) & (heard.state == OPEN)
    log = np.log(np.maximum(heard.probabilities[chosen].astype(np.float64), SMALLEST))
    return log, truth[chosen], _weights(truth)[chosen]


def _weights(truth: I64) -> F64:
    """Ticks of one stretch say one thing together."""
    weights = np.zeros(len(truth))
    edges = np.flatnonzero(np.diff(truth)) + 1
    for stretch in np.split(np.arange(len(truth)), edges):
        if len(stretch):
            weights[stretch] = min(1.0, EVENT_WEIGHT / len(stretch))
    return weights


def _spec(scaling: Scaling, dwell_ms: float, evidence: float) -> DecisionSpec:
    point = OperatingPoint(0.5, 0.5, 0.0, 0.0)
    return DecisionSpec(
        tuple(np.round(scaling.scale, 4).tolist()),
        tuple(np.round(scaling.bias, 4).tolist()),
        dwell_ms,
        evidence,
        0.0,
        DEFAULT_WARM_UP_MS,
        point,
        point,
        point,
    )


@dataclass(frozen=True)
class _Believed:
    """A stream's truth with the beliefs of a decoder."""

    stream: HeardStream
    heard: Heard


def _believed(stream: HeardStream, spec: DecisionSpec) -> _Believed:
    """What the decoder believes: the runtime's own, over what was heard."""
    heard = stream.heard
    decoder = Decoder(heard.labels, spec)
    beliefs = np.zeros_like(heard.probabilities)
    state = np.full(len(heard.times_s), CLOSED, np.uint8)
    logs = np.log(np.maximum(heard.probabilities, np.float32(SMALLEST)))
    began_s, last_s = 0.0, -np.inf
    for tick, (time_s, kind) in enumerate(zip(heard.times_s.tolist(), heard.state.tolist(), strict=True)):
        if time_s - last_s > 10 * TICK_S:  # the chain began anew
            decoder.reset()
            began_s = time_s
        last_s = time_s
        if kind == CLOSED:
            decoder.skip("")
            continue
        beliefs[tick] = decoder.step(logs[tick], time_s).probabilities
        state[tick] = WARMING if time_s - began_s < spec.warm_up_ms / 1e3 else OPEN
    return _Believed(stream, dataclasses.replace(heard, probabilities=beliefs, state=state))


def _with_points(
    spec: DecisionSpec, believed: Sequence[_Believed], leave: float, targets_an_hour: Sequence[float]
) -> tuple[float, DecisionSpec]:
    """The operating points that these beliefs allow, and F1 at the normal one."""
    rule = Rule(1.0, leave, spec.shortest_ms / 1e3)
    judges = [Judge(one.stream.truth, dataclasses.replace(one.heard, rule=rule), one.stream.naming) for one in believed]
    curve = [(enter, _together([judge.counts(enter) for judge in judges])) for enter in ENTERS]
    chosen = [_within(curve, target) for target in targets_an_hour]
    low, normal, high = (
        OperatingPoint(enter, round(leave * enter, 4), round(at.named, 4), round(at.false_per_hour, 3))
        for enter, at in chosen
    )
    return chosen[1][1].f1, dataclasses.replace(spec, low=low, normal=normal, high=high)


@dataclass(frozen=True)
class _At:
    """All streams at one threshold."""

    named: float
    f1: float
    false_per_hour: float


def _within(curve: Sequence[tuple[float, _At]], target: float) -> tuple[float, _At]:
    """The highest F1 that the target allows; where none does, the fewest false labels."""
    allowed = [one for one in curve if one[1].false_per_hour <= target]
    if allowed:
        return max(allowed, key=lambda one: (one[1].f1, -one[0]))
    return min(curve, key=lambda one: (one[1].false_per_hour, -one[1].f1))


def _together(counts: Sequence[Counts]) -> _At:
    happened, said = sum(one.happened for one in counts), sum(one.said for one in counts)
    found, right = (sum(getattr(one, name)(F1_OVERLAP) for one in counts) for name in ("found", "right"))
    hours = sum(one.negative_s for one in counts) / HOUR_S
    false = sum(one.false_in_negatives for one in counts)
    return _At(
        named=sum(one.found(ANY) for one in counts) / max(1, happened),
        f1=2 * min(found, right) / max(1, happened + said) if found and right else 0.0,
        false_per_hour=false / hours if hours else 0.0,
    )


def described(choice: Choice) -> Iterator[str]:
    """In words."""
    spec = choice.spec
    yield f"fitted to {choice.rows} ticks; F1 {choice.f1:.3f} at the normal point, on the streams that chose it"
    yield f"dwell {spec.dwell_ms:g} ms, evidence {spec.evidence:g}, shortest {spec.shortest_ms:g} ms"
    for sensitivity in SENSITIVITIES:
        point = spec.point(sensitivity)
        yield (
            f"{sensitivity:6}  enter {point.enter:.2f}, leave {point.leave:.2f}: {point.recall:.0%} named, "
            f"{point.false_per_hour:.1f} false labels an hour"
        )
