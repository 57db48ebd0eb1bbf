"""The stratified choice of clips."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from calibration.clip_sets.clips import stratified

STRATA = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["brio", "c920", None])), min_size=1, max_size=80)


@given(STRATA, st.integers(1, 100), st.integers(0, 9))
def test_a_choice_is_distinct_sorted_and_of_the_asked_size(
    strata: list[tuple[int, str]], limit: int, seed: int
) -> None:
    chosen = stratified(strata, limit, seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(limit, len(strata))
    assert chosen == stratified(strata, limit, seed)


@given(STRATA, st.integers(1, 100), st.integers(0, 9))
def test_no_class_is_more_than_one_ahead_of_a_class_that_still_has_clips(
    strata: list[tuple[int, str]], limit: int, seed: int
) -> None:
    chosen = Counter(strata[i][0] for i in stratified(strata, limit, seed))
    there_are = Counter(label for label, _ in strata)
    unfinished = [chosen[label] for label in there_are if chosen[label] < there_are[label]]
    if unfinished:
        assert max(chosen.values()) <= min(unfinished) + 1


def test_strata_keep_their_proportions_within_a_class() -> None:
    strata = [(label, "LL" if i % 5 else "ELL") for label in range(3) for i in range(100)]
    chosen = Counter(strata[i] for i in stratified(strata, 60, seed=4))
    assert all(chosen[label, "LL"] == 16 and chosen[label, "ELL"] == 4 for label in range(3))


def test_the_seed_matters() -> None:
    strata = [(0, None)] * 100
    assert stratified(strata, 10, 0) != stratified(strata, 10, 1)
