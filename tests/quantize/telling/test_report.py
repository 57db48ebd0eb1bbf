"""The report of `quantize`: everything is there, in text, JSON and HTML, and what it counts is right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html.parser import HTMLParser

import numpy as np
import pytest

from calibration.evaluation.scores import Comparison, Estimate
from quantize.judging.verify import float_peak_mb, verify
from quantize.telling.report import QuantizeReport, as_dict, paired_difference, refusal_lines, tables, text
from quantize.telling.report_html import page
from tests.quantize.results import quantize_result


@pytest.fixture(scope="module")
def report() -> QuantizeReport:
    result = quantize_result(max_drop=1.0)
    return QuantizeReport(result, verify(result), float_peak_mb(result))


def measured(cells: Sequence[Estimate | None]) -> list[Estimate]:
    """A row of a table in which no cell is without clips."""
    found = [cell for cell in cells if cell is not None]
    assert len(found) == len(cells)
    return found


def test_float_and_int8_stand_beside_each_other_in_every_group(report: QuantizeReport) -> None:
    overall, *grouped = tables(report)
    float_top1, int8_top1 = (measured(cells)[0] for _, cells in overall.rows)
    assert (float_top1.value, int8_top1.value) == (45 / 48, 44 / 48)
    assert "McNemar p = 1" in overall.notes[1] and overall.notes[1].startswith("-2.1 points [")
    found = {table.title: {name: measured(cells) for name, cells in table.rows} for table in grouped}
    assert list(found) == ["by class", "by expert that the float bundle's gate chose most", "by light", "by camera"]
    for rows in found.values():
        for column, right in ((0, 45), (1, 44)):
            counts = [cells[column] for cells in rows.values()]
            assert sum(cell.count for cell in counts) == 48
            assert round(sum(cell.value * cell.count for cell in counts)) == right
    by_light = found["by light"]
    assert [round(cell.value * cell.count) for cell in by_light["LL"]] == [22, 23]
    assert {
        name: cells[0].count for name, cells in found["by expert that the float bundle's gate chose most"].items()
    } == {
        "light x1 (gamma 1.5)": 36,
        "heavy x64 (gamma 3)": 12,
    }


def test_the_difference_of_pairs_has_an_interval() -> None:
    found = paired_difference(Comparison(0.0, 2, 1, 1.0), 48)
    assert (found.value, found.low, found.high) == pytest.approx((-1 / 48, -0.0982, 0.0582), abs=1e-4)  # by hand
    swapped = paired_difference(Comparison(0.0, 1, 2, 1.0), 48)
    assert (swapped.value, swapped.low, swapped.high) == pytest.approx((-found.value, -found.high, -found.low))


@pytest.mark.parametrize(("lost", "gained"), [(0.02, 0.01), (0.1, 0.02), (0.15, 0.15)])
def test_the_interval_holds_the_truth_19_times_in_20(lost: float, gained: float) -> None:
    draws = np.random.default_rng(0).multinomial(120, [lost, gained, 1 - lost - gained], 2000)
    found = [paired_difference(Comparison(0.0, int(b), int(c), 1.0), 120) for b, c, _ in draws]
    assert 0.93 < np.mean([one.low <= gained - lost <= one.high for one in found]) < 0.995


WANTED = (
    "U8S8",
    "onnxruntime",
    "shifted.0",
    "ELL",
    "cam2",
    "heavy x64 (gamma 3)",
    "synthetic_val --limit 48 --seed 0",
    "quantize --calib synthetic_val --model FLOAT --target x86 --out DIR",
    "light ELL has 500 ticks only",
    "INT8 lost 2.4 points, --max-drop allows 1",  # of macro: one clip of three, in one of fourteen classes
    "train with fake quantisation",
)


def test_the_terminal_says_all_of_it(report: QuantizeReport) -> None:
    printed = text(report)
    for wanted in WANTED:
        assert wanted in printed
    execution = report.verifications[0].proofs[0].execution
    count = len(execution.kernels)
    assert f"{count} of {count} layers with weights are integer kernels" in printed
    assert all(f"float island: {island}" in printed for island in execution.islands)
    assert printed.endswith("\n".join(refusal_lines(report.refusals[-1])))
    assert all(len(line) < 200 for line in printed.splitlines())


def test_json_is_json_and_has_what_the_text_has(report: QuantizeReport) -> None:
    found = json.loads(json.dumps(as_dict(report), allow_nan=False))
    (target,) = found["targets"]
    (candidate,) = target["candidates"]
    assert found["float"]["top1"] == 45 / 48 and candidate["top1"] == 44 / 48
    assert candidate["against_float"]["only_first"] == 2 and candidate["against_float"]["only_second"] == 1
    assert candidate["kept"] and all(kernel["integer"] for kernel in candidate["kernels"])
    assert [layer["sqnr_db"] for layer in candidate["layers"]] == [31.2, 24.9, 19.8]
    assert found["coverage"]["by"]["light"] == {"LL": 1500, "ELL": 500}
    assert found["coverage"]["gate_ticks"] == {"0": 1200, "2": 800} and found["gammas"] == [1.5, 2.0, 3.0]
    assert found["acceptance"] == "synthetic_val --limit 48 --seed 0" and found["parts"]["acceptance_clips"] == 48
    assert found["command"].startswith("quantize ") and found["versions"] and found["seed"] == 0
    assert len(target["refusals"][0]["next_steps"]) == 3
    assert candidate["bytes"] > 100_000 and candidate["peak_mb"] > 20 and found["float"]["peak_mb"] > 20


class Page(HTMLParser):
    """Checks that tags close, and gathers text and what would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.open: list[str] = []
        self.loads: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loaded = (value for key, value in attrs if key in ("src", "href"))
        self.loads += [value for value in loaded if not (value or "").startswith("data:")]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_loads_nothing(report: QuantizeReport) -> None:
    document = page(report)
    found = Page()
    found.feed(document)
    assert found.open == [] and found.loads == [] and "<script" not in document
    for wanted in WANTED:
        assert wanted in found.text
    assert "shifted.0 <&>" in found.text  # escaped once, not twice
    assert document.count("<svg") >= 6
