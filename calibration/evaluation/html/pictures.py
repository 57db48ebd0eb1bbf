"""What an evaluation's page shows of clips: those that were decided wrongly, each with a picture; and how accuracy on
held-out clips went while the student was trained.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from calibration import svg
from calibration.clip_sets.clips import Clip
from calibration.evaluation.scores import ClipResult, Evaluation
from edge.errors import DataError, PictureError
from edge.picture.frame import Image

SHOWN_CLIPS = 24
PICTURE_WIDTH = 120
BRIGHTEST = 99.5  # percentile of the picture that becomes white: in the dark nothing would be seen
METRICS = "metrics.jsonl"  # beside a bundle that `distill folds` trained

Curve = Sequence[tuple[int, float]]


def wrong_clips(evaluation: Evaluation) -> str:
    """The clips that were decided wrongly, those of the surest decisions first, as HTML."""
    wrong = sorted((r for r in evaluation.results if not r.right), key=_sureness, reverse=True)
    heading = f"<h2>{escape(evaluation.name)}: wrong clips</h2>"
    if not wrong:
        return f"{heading}\n<p>none</p>"
    shown = wrong[:SHOWN_CLIPS]
    note = (
        f"{len(shown)} of {len(wrong)}, the surest first; brightened. They are pictures of the clips: keep this file "
        "where the clips may be."
    )
    figures = "\n".join(_figure(result, evaluation.labels) for result in shown)
    return f'{heading}\n<p>{note}</p>\n<div style="display: flex; flex-wrap: wrap; gap: 1em">\n{figures}\n</div>'


def _sureness(result: ClipResult) -> float:
    return float(result.probabilities.max()) if result.ticks else 0.0


def _figure(result: ClipResult, labels: Sequence[str]) -> str:
    said = "nothing" if result.decision is None else f"{labels[result.decision]} ({_sureness(result):.0%})"
    caption = f"{escape(result.clip.name)}<br>{escape(labels[result.label])}, said {escape(said)}"
    picture = thumbnail(result.clip)
    shown = f'<img src="{picture}" alt="" width="{PICTURE_WIDTH}">' if picture else "no picture"
    style = f"margin: 0; width: {PICTURE_WIDTH}px; font-size: .75em; overflow-wrap: anywhere"
    return f'<figure style="{style}">{shown}<figcaption>{caption}</figcaption></figure>'


def thumbnail(clip: Clip) -> str:
    """The clip's middle frame, small and bright enough to be seen, as a data URI; empty where it cannot be decoded."""
    try:
        count = sum(1 for _ in clip.frames())
        middle = next(islice(clip.frames(), count // 2, None), None)
        return "" if middle is None else _data_uri(middle.bgr())
    except (DataError, PictureError):
        return ""


def _data_uri(picture: Image) -> str:
    height = max(1, round(picture.shape[0] * PICTURE_WIDTH / picture.shape[1]))
    small = cv2.resize(picture, (PICTURE_WIDTH, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    white = max(1.0, float(np.percentile(small, BRIGHTEST)))
    lifted = np.clip(255 * np.sqrt(small / white), 0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", lifted, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def held_out_curve(bundle: Path) -> Curve:
    """(step, accuracy) on the clips that a fold leaves out, from the metrics beside its bundle; empty without."""
    path = bundle.parent / METRICS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    curve: list[tuple[int, float]] = []
    for line in lines:
        try:
            values = json.loads(line)
            if "held_out" in values:
                curve.append((int(values["step"]), float(values["held_out"])))
        except (ValueError, TypeError, KeyError):
            continue  # a kill may have cut the last line
    return curve


def mean_curve(folds: Sequence[Path], member: str) -> Curve:
    """The mean over the folds, of the steps at which all of them were judged."""
    curves = [dict(held_out_curve(fold / member)) for fold in folds]
    steps = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    return [(step, sum(curve[step] for curve in curves) / len(curves)) for step in steps]


def held_out(curve: Curve) -> str:
    """The curve as HTML, or why there is none."""
    heading = "<h2>Accuracy on held-out clips, by step of training</h2>"
    if not curve:
        return f"{heading}\n<p>Not measured: no {METRICS} of `distill folds` lies beside the bundle.</p>"
    last = f"<p>{curve[-1][1]:.1%} at step {curve[-1][0]}, all experts averaged</p>"
    return f"{heading}\n{svg.shares(curve, 'step')}\n{last}"
