"""Statistics of clips: known pictures give known numbers; the page holds all of them and no path of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from calibration.cli import main
from calibration.clip_sets.clips import Clip, ClipSet
from calibration.measurement.clip_statistics import LUMA_EDGES, clip_statistics, markdown, measure, plot, temporal_noise
from edge.errors import EXIT_USAGE
from edge.picture.frame import Frame
from tests.clips import write_square_folder


def noisy(level: float, sigma: float, seed: int) -> Iterator[Frame]:
    """A still grey wall with noise, and in its left half something that flickers."""
    rng = np.random.default_rng(seed)
    for i in range(24):
        grey = level + rng.normal(0, sigma, (240, 320, 1))
        grey[:, :160] += rng.uniform(-1, 1) * 0.5 * level
        yield Frame(np.clip(np.rint(grey), 0, 255).astype(np.uint8).repeat(3, axis=2), i, i / 15)


def wall(level: float, sigma: float, light: str | None = None) -> Clip:
    return Clip(f"{level} {sigma}", 0, partial(noisy, level, sigma, 0), "", light=light)


@pytest.mark.parametrize(("level", "sigma"), [(20.0, 2.0), (60.0, 5.0)])
def test_noise_is_measured_where_nothing_moves(level: float, sigma: float) -> None:
    found = clip_statistics(wall(level, sigma))
    assert found.mean == pytest.approx(level, rel=0.1)
    luma, noise = np.median(found.noise, axis=0)
    assert luma == pytest.approx(level, rel=0.05)
    assert noise == pytest.approx(sigma, rel=0.06)


def test_a_picture_without_noise_has_none_and_no_entropy() -> None:
    clip = Clip("flat", 0, lambda: (Frame(np.full((240, 320, 3), 9, np.uint8), i, i / 15) for i in range(20)), "")
    found = clip_statistics(clip)
    assert (found.mean, found.std, found.entropy) == pytest.approx((9, 0, 0), abs=1e-9)
    assert (found.noise[:, 1] == 0).all()


def test_moving_blocks_are_left_out() -> None:
    rng = np.random.default_rng(1)
    clip = np.clip(rng.normal(30, 1, (16, 64, 64)), 0, 255)
    clip[:, :32] += 40 * rng.random((16, 1, 1))
    assert len(temporal_noise(clip.astype(np.uint8))) == 7  # of 16 blocks, with ties
    assert temporal_noise(clip.astype(np.uint8))[:, 0].max() < 35


def test_a_set_is_split_by_its_lights_and_quantiles_are_over_clips() -> None:
    clips = [wall(level, 2, light) for level, light in ((10, "LL"), (20, "LL"), (30, "LL"), (4, "ELL"))]
    bright, dark = measure([ClipSet("walls", ("wall",), clips)])
    assert (bright.name, dark.name) == ("walls LL", "walls ELL")
    assert bright.quantiles("mean")[1] == pytest.approx(20, rel=0.1) and len(dark.clips) == 1
    index = LUMA_EDGES.index(16)
    assert bright.noise_by_luma()[index] is not None and dark.noise_by_luma()[index] is None


def test_the_page_and_the_plot_hold_every_set() -> None:
    sets = list(measure([ClipSet("a", ("x",), [wall(20, 2)]), ClipSet("b", ("x",), [wall(40, 3)])]))
    page = markdown(sets, "calibration compare-statistics", "p.svg")
    assert "| a | 1 | " in page and "| b | 1 | " in page and "![temporal noise against luma](p.svg)" in page
    assert "| luma | a | b |" in page and "| 16 to 24 | 1.9" in page
    names = [element.text for element in ElementTree.fromstring(plot(sets)).iter("{http://www.w3.org/2000/svg}text")]
    assert {"a", "b", "luma"} <= set(names)


def test_the_command_writes_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = write_square_folder(tmp_path / "clips", 6)
    out = tmp_path / "page.md"
    assert main(["compare-statistics", "--set", f"folder:{clips}", "--out", str(out)]) == 0
    assert "| folder:clips | 6 |" in out.read_text() and str(tmp_path) not in out.read_text()
    ElementTree.fromstring(out.with_suffix(".svg").read_text())
    assert out.read_text() in capsys.readouterr().out
    assert main(["compare-statistics", "--set", f"folder:{clips}", "--out", str(tmp_path / "page.txt")]) == EXIT_USAGE
