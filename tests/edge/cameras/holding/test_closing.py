"""A device whose driver hangs does not hold the program."""

from __future__ import annotations

import threading

import pytest

from edge.cameras.holding import closing
from edge.cameras.holding.closing import close_in_time


def test_closing_waits_for_what_ends() -> None:
    closed = threading.Event()
    assert close_in_time("camera", closed.set) and closed.is_set()


def test_closing_goes_on_without_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CLOSE_S", 0.01)
    released = threading.Event()

    def hang() -> None:
        released.wait(60)

    assert not close_in_time("camera", hang)
    released.set()
