"""Work over processes: in order, at the consumer's pace, and no item costs another one."""

from __future__ import annotations

import os
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

from calibration.jobs.parallel import AHEAD, WorkerError, in_order


def count_up(folder: Path, item: int) -> int:
    (folder / str(item)).touch()
    return item


def fragile(item: int) -> int:
    """As decoders do: some input is an error, some ends the process."""
    if item in (3, 20):
        os._exit(7)
    return 100 // (item - 5)


def test_no_more_is_in_flight_than_fits_in_memory(tmp_path: Path) -> None:
    stream = in_order(partial(count_up, tmp_path), range(1000), 2)
    taken = [next(stream)[1].result() for _ in range(10)]
    assert taken == list(range(10))
    assert isinstance(stream, Generator)
    stream.close()
    assert len(list(tmp_path.iterdir())) <= 10 + 2 * AHEAD


def test_an_item_that_kills_its_process_costs_itself_alone() -> None:
    outcomes = list(in_order(fragile, range(25), 2))
    assert [item for item, _ in outcomes] == list(range(25))
    for item, future in outcomes:
        if item in (3, 20):
            with pytest.raises(WorkerError, match=f"{item}: its process died"):
                future.result()
        elif item == 5:
            assert isinstance(future.exception(), ZeroDivisionError)
        else:
            assert future.result() == 100 // (item - 5)


def test_no_items_start_nothing() -> None:
    assert list(in_order(fragile, [], 2)) == []
