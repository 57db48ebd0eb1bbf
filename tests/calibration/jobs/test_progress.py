"""A terminal gets one line that is rewritten, a log whole lines now and then, and both say how long it will take."""

from __future__ import annotations

import io

import pytest

from calibration.jobs.progress import ProgressLine, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, seconds_a_clip: float, begun: int = 1, total: int = 100) -> str:
    """What a job of `total` clips says that takes so long for each."""
    now_s = [0.0]
    progress = ProgressLine("evaluating", stream=stream, clock=lambda: now_s[0])
    for done in range(begun, total + 1):
        now_s[0] += seconds_a_clip
        progress(done, total)
    return stream.getvalue()


def test_a_terminal_gets_one_line_that_is_rewritten() -> None:
    text = told(Terminal(), 1.0)
    assert text.count("\n") == 1
    assert text.endswith("evaluating: 100 of 100 clips\n")
    assert "\r\x1b[Kevaluating: 50 of 100 clips, 50 s left" in text


def test_a_log_gets_whole_lines_now_and_then() -> None:
    lines = told(io.StringIO(), 1.0).splitlines()
    assert lines[0] == "evaluating: 30 of 100 clips, 1 min left"
    assert lines[-1] == "evaluating: 100 of 100 clips"
    assert len(lines) == 4


def test_a_short_job_says_nothing_in_a_log() -> None:
    assert told(io.StringIO(), 0.1) == ""


def test_what_was_done_before_a_resume_does_not_count_as_fast() -> None:
    assert "95 of 100 clips, 50 s left" in told(Terminal(), 10.0, begun=90)


def test_an_unfinished_line_makes_room_for_what_is_said_between() -> None:
    stream = Terminal()
    progress = ProgressLine("training", "steps", stream=stream)
    progress(1, 10)
    progress.clear()
    assert stream.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (59.9, "1 min"), (720, "12 min"), (12000, "3 h 20 min")])
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
