"""Ways to run a bundle's chain: with its gate, without, with one head for all, or on a picture equalised before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.bundles.bundle import Bundle
from edge.picture.frame import Frame, Image

CLAHE_LIMIT, CLAHE_TILES = 2.0, (8, 8)


@dataclass(frozen=True)
class Variant:
    """gamma: fixed, or None for the gate's choice. head: the row of the logits that answers always, or None for that of
    the chosen expert. prepare: what is done to the camera's picture first. engine: one of `edge.engines.catalogue`, or
    None for onnxruntime with `student.onnx`. average: every expert answers.
    """

    name: str = ""
    gamma: float | None = None
    head: int | None = None
    prepare: Callable[[Image], Image] | None = None
    engine: str | None = None
    average: bool = False

    def prepare_frame(self, frame: Frame) -> Frame:
        """The frame with its picture prepared."""
        if self.prepare is None:
            return frame
        return Frame(self.prepare(frame.image), frame.sequence, frame.capture_time_s)


def baselines(gammas: Sequence[float]) -> list[Variant]:
    """Every fixed gamma (1 is no correction), and two equalisations under the gamma nearest to 1."""
    plain = _nearest_to_1(gammas)
    fixed = [Variant("no correction" if gamma == 1 else f"gamma {gamma:g}", gamma) for gamma in gammas]
    return [*fixed, Variant("CLAHE", plain, prepare=clahe), Variant("histogram equalisation", plain, prepare=equalised)]


def ablations(gammas: Sequence[float]) -> list[Variant]:
    """The rows of the ELLAR paper's ablation: nothing, the gate with one head for all gammas, gate and heads."""
    plain = _nearest_to_1(gammas)
    one_head = Variant("gate, one head", head=gammas.index(plain))
    return [Variant("no gate, one head", plain), one_head, Variant("gate and heads")]


def build_alone(bundle: Bundle) -> Bundle:
    """A bundle without the alternatives to its `student.onnx`: no engine then takes the one that is faster here."""
    return dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, alternatives=()))


def clahe(image: Image) -> Image:
    """Contrast-limited adaptive equalisation of the luma (Zuiderveld 1994): limit 2, 8x8 tiles."""
    return _on_luma(image, cv2.createCLAHE(CLAHE_LIMIT, CLAHE_TILES).apply)


def equalised(image: Image) -> Image:
    """Histogram equalisation of the luma."""
    return _on_luma(image, cv2.equalizeHist)


def _on_luma(image: Image, change: Callable[[Image], cv2.typing.MatLike]) -> Image:
    luma, cr, cb = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb))
    merged = cv2.merge([change(np.asarray(luma, np.uint8)), cr, cb])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_YCrCb2BGR), np.uint8)


def _nearest_to_1(gammas: Sequence[float]) -> float:
    return min(gammas, key=lambda gamma: abs(gamma - 1))
