"""The timeline: at every moment a stream is in one state."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from calibration.evaluation.streams.truth import (
    ACTING,
    CAMERA,
    DISTURBED,
    IDLE,
    NOISE,
    SHAKING,
    SOMEBODY_IDLE,
    STILL,
    UNKNOWN_ACTION,
    Circumstance,
    Happening,
    Notes,
    Truth,
    nobody,
)
from tests.calibration.evaluation.streams.sayers import own_name

TIMES_S = np.arange(0.5, 10)


def state_at(truth: Truth, time_s: float) -> str:
    states = truth.states(np.array([time_s]), own_name)
    return next(state for state, here in states.items() if here[0])


def test_states_go_from_what_is_done_to_what_the_camera_does() -> None:
    truth = Truth(
        10.0,
        (
            Happening(1, 2, "a"),
            Happening(2, 3, "other"),
            Happening(3, 4, IDLE),
            Happening(1, 4, IDLE, 1),
            Happening(4, 5, "unheard of"),
        ),
        (Circumstance(5, 7, SHAKING), Circumstance(6, 8, "fan"), Circumstance(9, 10, NOISE)),
    )
    expected = [nobody(STILL), ACTING, UNKNOWN_ACTION, SOMEBODY_IDLE, UNKNOWN_ACTION]
    expected += [nobody(SHAKING), nobody(DISTURBED), nobody(DISTURBED), nobody(STILL), nobody(NOISE)]
    assert [state_at(truth, time_s) for time_s in TIMES_S] == expected
    assert truth.disturbances == ["fan"]


def test_an_idle_second_person_hides_no_action() -> None:
    truth = Truth(10.0, (Happening(1, 2, "other"), Happening(1, 2, "b", 1)))
    assert state_at(truth, 1.5) == ACTING
    assert [one.person for one in truth.events(own_name)] == [1]


spans = st.tuples(st.floats(0, 9), st.floats(0, 9)).map(sorted)


@given(
    st.lists(st.tuples(spans, st.sampled_from(["a", "b", IDLE, "other", "z"]), st.integers(0, 1)), max_size=6),
    st.lists(st.tuples(spans, st.sampled_from([*CAMERA, NOISE, "fan", "switch"])), max_size=6),
)
def test_at_every_moment_a_stream_is_in_one_state(
    happenings: list[tuple[list[float], str, int]], circumstances: list[tuple[list[float], str]]
) -> None:
    truth = Truth(
        9.0,
        tuple(Happening(start, end, label, person) for (start, end), label, person in happenings),
        tuple(Circumstance(start, end, kind) for (start, end), kind in circumstances),
    )
    states = truth.states(np.arange(0, 9, 0.25), own_name)
    assert (np.sum(list(states.values()), axis=0) == 1).all()


def test_notes_keep_of_a_happening_what_is_seen_of_it() -> None:
    notes = Notes()
    notes.happens([Happening(0.0, 0.5, "a"), Happening(0.5, 1.0, "b"), Happening(0.0, 1.0, "c", 1)])
    for frame in range(10):
        notes.frame((frame + 1) / 10, {0: (3, 4, 20, 40) if 2 <= frame < 5 else None})
    truth = notes.truth()
    assert truth.length_s == 1.0
    assert truth.happenings == (Happening(0.2, 0.5, "a"),), "what goes on out of sight nobody can name"
    assert truth.boxes[0].shape == (10, 4)
    assert truth.boxes[0][2].tolist() == [3, 4, 20, 40]
    assert truth.boxes[0][0, 2] == 0


def test_without_boxes_everything_counts_as_seen() -> None:
    notes = Notes()
    notes.happens([Happening(0.0, 0.5, "a"), Happening(0.5, 0.5, "b")])
    notes.frame(1.0)
    assert [one.label for one in notes.truth().happenings] == ["a"], "what lasts no time is nothing"
