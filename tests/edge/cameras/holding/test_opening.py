"""Opening in a thread of its own: the camera, its error, or a stop, whichever comes first."""

from __future__ import annotations

import threading

import pytest

from edge.cameras.base import Camera, CameraSource, CameraStateError
from edge.cameras.holding.opening import open_unless_stopped
from tests.edge.cameras.holding.test_held import PlayedCamera


def test_it_hands_over_the_camera() -> None:
    camera = PlayedCamera([])
    assert open_unless_stopped(CameraSource("played", True, lambda: camera), threading.Event()) is camera


def test_it_raises_what_the_opening_raises() -> None:
    def fails() -> Camera:
        raise CameraStateError("busy", "another program has it")

    with pytest.raises(CameraStateError, match="another program") as raised:
        open_unless_stopped(CameraSource("played", True, fails), threading.Event())
    assert raised.value.state == "busy"


def test_a_stop_does_not_wait_and_what_is_opened_later_is_closed() -> None:
    class Late(PlayedCamera):
        def close(self) -> None:
            closed.set()

    opening, answers, closed, stop = (threading.Event() for _ in range(4))

    def opens() -> Camera:
        opening.set()
        answers.wait(60)
        return Late([])

    threading.Thread(target=lambda: opening.wait(60) and stop.set()).start()
    assert open_unless_stopped(CameraSource("played", True, opens), stop) is None
    answers.set()
    assert closed.wait(60)
