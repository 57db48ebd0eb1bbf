"""The chain: what its parts give in turn, and one place that makes and forgets all of their state."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import DecisionSpec, OperatingPoint
from edge.messages import Event
from edge.picture.frame import Frame
from edge.recognition.cadence import Cadence, CadenceCounts, Step
from edge.recognition.chain import Chain, Tick
from edge.recognition.health import DAMAGED, FROZEN
from edge.recognition.recogniser import Recogniser
from edge.recognition.smoothing import WARMING_UP, Smoother
from tests.edge.conftest import square


def moving(count: int, fps: float = 30.0, start_s: float = 0.0) -> list[Frame]:
    return [Frame(image, i, start_s + i / fps) for i, image in enumerate(square(3, count))]


def ticks(chain: Chain, frames: list[Frame]) -> list[Tick]:
    return [tick for frame in frames if (tick := chain.take(frame)) is not None]


def answers(found: list[Tick]) -> list[tuple[int | None, str | None, list[float]]]:
    said = [tick.decision for tick in found if tick.decision is not None]
    return [(decision.index, decision.reason, decision.probabilities.tolist()) for decision in said]


def test_it_is_the_chain_of_its_parts(loaded_bundle: Bundle) -> None:
    manifest, frames = loaded_bundle.manifest, moving(60)
    cadence, recogniser = Cadence(manifest.cadence), Recogniser(loaded_bundle)
    smoother = Smoother(len(manifest.labels), manifest.smoothing)
    expected = []
    for frame in frames:
        if cadence.offer(frame) is Step.TICK and (result := recogniser.tick(frame)) is not None:
            said = smoother.step(result.logits, frame.capture_time_s)
            expected.append((said.index, said.reason, said.probabilities.tolist()))
    assert answers(ticks(Chain(loaded_bundle), frames)) == expected and len(expected) == 29


def test_the_first_tick_of_a_form_with_motion_has_no_answer(loaded_bundle: Bundle) -> None:
    first, *others = ticks(Chain(loaded_bundle), moving(10))
    assert (first.fault, first.result, first.decision) == (None, None, None)
    assert all(tick.result is not None and tick.decision is not None for tick in others)


def test_after_a_reset_it_answers_as_at_first_and_goes_on_counting(loaded_bundle: Bundle) -> None:
    counts, events, frames = CadenceCounts(), list[Event](), moving(40)
    chain = Chain(loaded_bundle, counts=counts, report=events.append)
    first = answers(ticks(chain, frames))
    chain.reset()
    assert answers(ticks(chain, frames)) == first and first[0][1] == WARMING_UP
    assert (counts.frames, counts.ticks, counts.gaps, events) == (80, 40, 0, [])  # another stream is no gap


def test_a_reset_forgets_a_frozen_picture(loaded_bundle: Bundle) -> None:
    (image,) = square(0, 1)
    chain, still = Chain(loaded_bundle), [Frame(image, i, i / 15) for i in range(10)]
    assert [tick.fault for tick in ticks(chain, still)] == [None] * 8 + [FROZEN] * 2
    chain.reset()
    assert [tick.fault for tick in ticks(chain, still)] == [None] * 8 + [FROZEN] * 2


def test_a_gap_is_told_and_forgotten(loaded_bundle: Bundle) -> None:
    events: list[Event] = []
    chain = Chain(loaded_bundle, report=events.append)
    before = [said[:2] for said in answers(ticks(chain, moving(40)))]
    after = [said[:2] for said in answers(ticks(chain, moving(40, start_s=10.0)))]
    assert after == before and before[0] == (None, WARMING_UP)
    assert [(event.name, event.details) for event in events] == [("stream_gap", {"gap_ms": pytest.approx(8733.3)})]


def test_a_damaged_picture_is_a_fault_and_no_answer(loaded_bundle: Bundle) -> None:
    chain, good = Chain(loaded_bundle), moving(4, fps=15.0)
    damaged = Frame(np.frombuffer(b"\xff\xd8 no JPEG", np.uint8), 2, good[2].capture_time_s, "jpeg")
    found = ticks(chain, [*good[:2], damaged, good[3]])
    assert [tick.fault for tick in found] == [None, None, DAMAGED, None]
    assert (found[2].result, found[2].decision) == (None, None) and found[3].decision is not None


def test_between_two_looks_at_damaged_pictures_nothing_is_seen(loaded_bundle: Bundle) -> None:
    (image,) = square(0, 1)
    damaged = [Frame(np.zeros(8, np.uint8), 2 + i, (2 + i) / 15, "jpeg") for i in range(12)]
    frames = [Frame(image, 0, 0.0), Frame(image, 1, 1 / 15), *damaged, Frame(image, 14, 14 / 15)]
    assert [tick.fault for tick in ticks(Chain(loaded_bundle), frames)] == [None, None, *[DAMAGED] * 12, None]


def test_one_head_can_answer_whoever_saw(loaded_bundle: Bundle) -> None:
    frames = moving(20)
    for tick in ticks(Chain(loaded_bundle, gamma=2.0, head=0), frames):
        if tick.result is not None:
            assert tick.result.expert == 1
            assert np.array_equal(tick.result.logits, tick.result.all_logits[0])


def test_ticks_alone_are_prepared(loaded_bundle: Bundle) -> None:
    prepared: list[int] = []

    def darker(frame: Frame) -> Frame:
        prepared.append(frame.sequence)
        return Frame(frame.image // 2, frame.sequence, frame.capture_time_s)

    found = ticks(Chain(loaded_bundle, prepare=darker), moving(8))
    plain = ticks(Chain(loaded_bundle), moving(8))
    assert prepared == [0, 2, 4, 6]
    for one, other in zip(found[1:], plain[1:], strict=True):
        assert one.result is not None and other.result is not None
        assert one.result.statistics.mean < 0.6 * other.result.statistics.mean


def test_a_bundle_with_a_decision_decides_with_it_at_the_sensitivity_asked_for(loaded_bundle: Bundle) -> None:
    surely, never = OperatingPoint(0.0, 0.0, 1.0, 1e6), OperatingPoint(1.0, 1.0, 0.0, 0.0)
    ones = (1.0,) * len(loaded_bundle.manifest.labels)
    spec = DecisionSpec(ones, (0.0,) * len(ones), 3000.0, 0.3, 0.0, 0.0, never, never, surely)
    deciding = dataclasses.replace(loaded_bundle, manifest=loaded_bundle.manifest.deciding(spec))
    for sensitivity, says in (("high", True), ("normal", False)):
        said = answers(ticks(Chain(deciding, sensitivity=sensitivity), moving(40)))
        assert len(said) == 19 and all((index is not None) == says for index, *_ in said)


def test_a_bundle_without_operating_points_says_so_and_runs(loaded_bundle: Bundle) -> None:
    said: list[str] = []
    chain = Chain(loaded_bundle, sensitivity="high", say=said.append)
    assert said == ["sensitivity high: bundle tiny has one operating point alone, which is used"]
    assert answers(ticks(chain, moving(40))) == answers(ticks(Chain(loaded_bundle), moving(40)))
