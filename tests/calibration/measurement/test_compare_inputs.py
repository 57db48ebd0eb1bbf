"""Clips are compared with those of their light only; the command prints a table and two verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.cli import main
from calibration.measurement.compare_inputs import LUMA_EDGES, compared, matched
from calibration.measurement.input_features import NAMES, InputFeatures, Sample
from edge.errors import EXIT_USAGE, DataError
from tests.clips import write_square_folder


def sample(source: str, index: int, mean_luma: float, noise: float) -> Sample:
    rng = np.random.default_rng([index, len(source)])
    features = InputFeatures(**dict(zip(NAMES, rng.normal(0, 1, len(NAMES)).tolist(), strict=True)))
    return Sample(source, f"{source} {index}", f"{source} {index % 8}", mean_luma, replace(features, noise=noise))


def drawn(source: str, count: int, low: float, high: float, noise: float) -> list[Sample]:
    lumas = np.random.default_rng(count).uniform(low, high, count).tolist()
    return [sample(source, i, luma, noise + 0.1 * (i % 5)) for i, luma in enumerate(lumas)]


def test_either_kind_has_as_many_of_every_light() -> None:
    rendered, real = matched(drawn("rendered", 90, 1, 60, 0), drawn("real", 40, 6, 30, 0))
    assert len(rendered) == len(real) > 20
    counts = [np.histogram([one.mean_luma for one in kind], LUMA_EDGES)[0].tolist() for kind in (rendered, real)]
    assert counts[0] == counts[1]


def test_what_tells_them_is_named_with_its_accuracy() -> None:
    text = compared(drawn("rendered", 90, 6, 30, 0), drawn("real", 90, 6, 30, 4.0))
    assert "told from real ones on clips never seen: " in text and "on persons never seen: " in text
    assert text.count("told most by noise (100 %)") == 2
    assert text.count("\n| noise | ") == 2 and "| noise | 0.20 (0.10 to 0.30) | 4.20 (4.10 to 4.30) |" in text
    assert text.index("mean luma 4 to 16") < text.index("mean luma 16 to 40")


def test_too_few_of_one_light_is_an_error() -> None:
    with pytest.raises(DataError, match="0 clips have a real one of their light"):
        compared(drawn("rendered", 90, 6, 8, 0), drawn("real", 90, 16, 30, 0))


def test_the_command_compares_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_square_folder(tmp_path / "clips", 4)
    names = ["--rendered", f"folder:{folder}", "--real", f"folder:{folder}"]
    assert main(["compare-inputs", *names, "--workers", "0"]) == EXIT_USAGE
    assert main(["compare-inputs", *names, "--workers", "1"]) == EXIT_USAGE
    said = capsys.readouterr()
    assert "are needed" in said.err and str(tmp_path) not in said.out
