"""The demo clip's share of right, wrong and silent ticks, by hand."""

from __future__ import annotations

from benchmarks.demo import ALL, BETWEEN, Share, shares
from calibration.synthetic.bodies.sequence import Segment
from edge.messages import Prediction


def said(time_s: float, label: str | None) -> Prediction:
    return Prediction(0, time_s, time_s, label, None if label else "low_confidence", 0.8, {}, 1.5, 12.0, 5.0)


def test_ticks_are_shared_out_by_the_action_they_fall_into() -> None:
    segments = [Segment(0.0, 1.0, "walk"), Segment(2.0, 3.0, "jump")]
    predictions = [said(0.0, None), said(0.5, "walk"), said(1.0, "walk"), said(1.5, None)]
    predictions += [said(2.0, "walk"), said(2.25, "jump"), said(2.5, "jump"), said(3.0, "jump")]
    assert shares(segments, predictions) == [
        Share("walk", 1, 0, 1),
        Share("jump", 2, 1, 0),
        Share(ALL, 3, 1, 1),
        Share(BETWEEN, 0, 2, 1),
    ]


def test_a_clip_without_predictions_has_no_ticks() -> None:
    assert shares([Segment(0.0, 1.0, "walk")], [])[1].ticks == 0
