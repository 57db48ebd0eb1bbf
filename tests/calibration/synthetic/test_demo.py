"""The demo clip that the package ships: small, dark, readable, and what the code renders."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import edge
from calibration.clip_sets import video
from calibration.synthetic import demo

CLIP = Path(edge.__file__).parent / "data" / "demo.mp4"


@pytest.fixture(scope="module")
def rendered() -> tuple[list[np.ndarray], list[dict[str, object]]]:
    frames, segments = demo.render()
    return list(islice(frames, 12)), [vars(s) for s in segments]


def test_it_is_small_dark_and_has_the_length_of_its_acts() -> None:
    assert CLIP.stat().st_size < 1_000_000
    frames = list(video.read(CLIP))
    assert frames[0].image.shape == (240, 320, 3)
    assert 8 < np.mean([f.image.mean() for f in frames]) < 25
    segments = json.loads(CLIP.with_suffix(".json").read_text())
    assert frames[-1].capture_time_s == pytest.approx(segments[-1]["end_s"], abs=2 / demo.FPS)


def test_its_segments_are_in_order_and_at_least_five_actions() -> None:
    segments = json.loads(CLIP.with_suffix(".json").read_text())
    assert len({s["label"] for s in segments}) >= 5
    times = [t for s in segments for t in (s["start_s"], s["end_s"])]
    assert times == sorted(times)


def test_the_shipped_file_is_what_the_code_renders(rendered: tuple[list[np.ndarray], list[dict[str, object]]]) -> None:
    frames, segments = rendered
    assert segments == json.loads(CLIP.with_suffix(".json").read_text())
    for ours, shipped in zip(frames, video.read(CLIP), strict=False):
        # The file's codec takes noise away, so that pictures of 8x8 blocks have to agree, not pixels.
        blocks = [x.reshape(30, 8, 40, 8, 3).mean(axis=(1, 3)) for x in (ours, shipped.image)]
        assert np.abs(blocks[0] - blocks[1]).mean() < 3  # another scene differs by 10 and more
        assert np.corrcoef(blocks[0].ravel(), blocks[1].ravel())[0, 1] > 0.95
