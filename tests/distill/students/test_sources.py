"""What is learnt from: pieces of clips in which one thing goes on, or several in turn, each tick with its own label."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from calibration.clip_sets.clips import Clip, ClipSet, Span
from distill.students.recipe import Recipe, SourceConfig, recipe_of
from distill.students.sources import IGNORED, NOBODY, Batches, load_sources
from edge.picture.frame import Frame
from tests.clips import moving_square, square_clip

LABELS = ("left", "right", "nothing")
FRAMES = 20


def in_turn(parts: tuple[str, ...], seed: int) -> Iterator[Frame]:
    """Squares that move as told, one after the other, at 15 frames a second."""
    for number, part in enumerate(parts):
        for i, frame in enumerate(moving_square(part, seed + number, FRAMES)):
            at = number * FRAMES + i
            yield Frame(frame.image, at, at / 15)


def stream_clip(seed: int, spans: tuple[Span, ...]) -> Clip:
    source = partial(in_turn, ("left", "still", "right"), seed)
    return Clip(f"stream_{seed}", 0, source, f"stream {seed}", actor="p1", spans=spans)


SPANS = (Span(0.0, 1.0, 0), Span(FRAMES / 15, 2 * FRAMES / 15, 2), Span(2 * FRAMES / 15, 10.0, 1))


def recipe(labels: tuple[str, ...] = LABELS, **more: object) -> Recipe:
    document: dict[str, object] = {
        "name": "test",
        "labels": list(labels),
        "sources": [{"set": "squares", "licence": "none"}],
        "schedule": {"pretrain_steps": 0, "steps": 1, "batch": 16, "ticks": 12, "warm_up": 2},
        "geometry": {"height": 24, "width": 32, "input_height": 24, "input_width": 32, "gammas": [1.0, 2.0]},
        "smoothing": {"window_ms": 1000.0, "minimum_confidence": 0.4, "warm_up_ms": 200.0},
        **more,
    }
    return recipe_of(document, "test")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """The clips that the recipe's set has."""
    clips: list[Clip] = []

    def open_set(self: SourceConfig, data_root: Path | None) -> ClipSet:
        return ClipSet("squares", ("left", "right", "still"), clips, {"still": "nothing"})

    monkeypatch.setattr(SourceConfig, "open", open_set)
    return clips


def test_a_clip_without_spans_is_its_label_from_end_to_end(opened: list[Clip], tmp_path: Path) -> None:
    opened += [square_clip(label, ("left", "right", "still"), 3) for label in ("left", "still")]
    (source,) = load_sources(recipe(), None, tmp_path, 1)
    assert [[one.label for one in stretches] for stretches in source.stretches] == [[0], [2]]
    assert source.tick_labels(0, FRAMES - 1).tolist() == [0] * (FRAMES - 1)


def test_spans_become_ticks_by_the_times_of_the_frames(opened: list[Clip], tmp_path: Path) -> None:
    opened.append(stream_clip(0, SPANS))
    (source,) = load_sources(recipe(), None, tmp_path, 1)
    labels, times_s = source.tick_labels(0, len(source.clips[0].statistics)), source.clips[0].times_s
    for label, time_s in zip(labels.tolist(), times_s.tolist(), strict=True):
        going_on = [span.label for span in SPANS if span.start_s <= time_s < span.end_s]
        assert label == (going_on[0] if going_on else IGNORED)
    assert set(labels.tolist()) == {0, 1, 2, IGNORED}


def test_what_the_recipe_does_not_know_is_not_learnt_from(opened: list[Clip], tmp_path: Path) -> None:
    opened.append(stream_clip(0, SPANS))
    (source,) = load_sources(recipe(("left", "right")), None, tmp_path, 1)
    assert {one.label for one in source.stretches[0]} == {0, 1}


def test_a_batch_is_balanced_over_what_goes_on_and_every_tick_has_its_label(opened: list[Clip], tmp_path: Path) -> None:
    opened += [stream_clip(seed, SPANS) for seed in range(3)]
    chosen = recipe(augment={"reverse": 0.0, "tempo": 1.0, "late": 0.0})
    loaded = load_sources(chosen, None, tmp_path, 1)
    batches, seen = Batches(loaded, chosen, np.random.default_rng(0)), []
    for _ in range(6):
        batch = next(batches)
        assert batch.labels.shape == batch.experts.shape == (16, 12)
        seen += batch.labels.flatten().tolist()
    shares = [seen.count(label) / len(seen) for label in (0, 1, 2)]
    assert min(shares) > 0.15 and seen.count(IGNORED) > 0 and NOBODY not in seen


def test_a_piece_is_played_backwards_only_where_all_of_it_may_be(opened: list[Clip], tmp_path: Path) -> None:
    opened.append(stream_clip(0, SPANS))
    chosen = recipe(augment={"reverse": 1.0}, reversed={"left": "right", "right": "left"})
    batches = Batches(load_sources(chosen, None, tmp_path, 1), chosen, np.random.default_rng(0))
    in_turn_as_filmed = {0: 0, IGNORED: 1, 2: 2, 1: 3}
    pieces = [labels for _ in range(6) for labels in next(batches).labels.tolist()]
    mixed = [labels for labels in pieces if len(set(labels)) > 1]
    assert len(mixed) > 20
    for labels in mixed:
        order = [in_turn_as_filmed[label] for label in labels]
        assert order == sorted(order)


def test_rooms_without_people_are_nothing_where_the_recipe_has_that_label(opened: list[Clip], tmp_path: Path) -> None:
    opened.append(square_clip("left", ("left", "right", "still"), 3))
    rooms = [{"set": "rooms", "licence": "none", "nobody": True}]
    (source,) = load_sources(recipe(sources=rooms), None, tmp_path, 1)
    assert source.labels == (2,)
    (source,) = load_sources(recipe(("left", "right"), sources=rooms), None, tmp_path, 1)
    assert source.labels == (NOBODY,)
