"""edge-eval's tables, protocols, JSON and HTML: every number in them is that of the evaluation."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from calibration import svg
from calibration.evaluation.cli import main
from calibration.evaluation.html.pictures import held_out
from calibration.evaluation.protocols import PROTOCOLS, table3, table4, table5
from calibration.evaluation.report import percent, table
from calibration.evaluation.scores import Estimate, Evaluation
from edge.bundles.bundle import write_bundle
from edge.errors import EXIT_USAGE
from tests.calibration.evaluation.test_evaluate import tiny_bundle
from tests.calibration.evaluation.test_scores import EVALUATION, LABELS, result
from tests.clips import write_square_folder

ROOT = Path(__file__).parents[3]


def cell(right: int, count: int) -> Estimate:
    return Estimate.of(right, count)


def test_table_3_is_accuracy_over_all() -> None:
    assert table3([EVALUATION]).rows == (("it", (cell(2, 5), cell(3, 5))),)


def test_table_4_is_by_light_and_camera_in_the_paper_s_order() -> None:
    good, bad = [0, 1, 2], [1, 0, 2]
    cases = (("C920", good), ("Brio-4K", good), ("Brio-4K", bad), ("Arducam", bad))
    results = [result(0, order, "LL", camera) for camera, order in cases] + [result(0, good, "ELL", "C920")]
    found = table4([Evaluation("made up", LABELS, tuple(results), {}, "it")])
    assert found.columns == ("Brio-4K", "Arducam", "C920", "average")
    (ll, cells), (ell, dark) = found.rows
    assert (ll, ell) == ("it, LL", "it, ELL")
    assert cells == (cell(1, 2), cell(0, 1), cell(1, 1), Estimate.mean([cell(1, 2), cell(0, 1), cell(1, 1)]))
    assert cells[3] is not None and cells[3].value == pytest.approx(0.5)
    assert dark == (None, None, cell(1, 1), cell(1, 1))
    assert "-" in table(found)


def test_table_5_names_where_each_bundle_was_trained() -> None:
    results = (result(0, [0]), result(0, [1], "ELL"), result(0, [0], "ELL"))
    one = Evaluation("made up", LABELS, results, {}, "mine")
    assert [label for label, _ in table5([one, one]).rows] == ["LL > LL", "LL > ELL", "ELL > LL", "ELL > ELL"]
    assert table5([one]).rows == (("mine > LL", (cell(1, 1),)), ("mine > ELL", (cell(1, 2),)))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    for seed in (0, 3):
        bundle = tiny_bundle(seed)
        write_bundle(folder / f"tiny{seed}", bundle.manifest, bundle.files)
    clips = write_square_folder(folder / "clips", 6)
    files = sorted(path.relative_to(clips).as_posix() for path in clips.glob("*/*.avi"))
    rows = [
        f"{file},{file.partition('/')[0]},a{i % 2},{('brio', 'c920')[i % 2]},{('LL', 'ELL')[i // 3]}\n"
        for i, file in enumerate(files)
    ]
    (clips / "labels.csv").write_text("file,class,actor,camera,light\n" + "".join(rows))
    return folder


def run_json(workplace: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, list[dict[str, object]]]:
    where = ["--bundle", str(workplace / "tiny0"), "--set", f"folder:{workplace / 'clips'}"]
    assert main([*where, "--json", *options]) == 0
    document: dict[str, list[dict[str, object]]] = json.loads(capsys.readouterr().out)
    return document


def decided(document: dict[str, list[dict[str, object]]]) -> list[dict[str, str]]:
    decisions: list[dict[str, str]] = document["evaluations"][0]["decisions"]  # type: ignore[assignment]
    return decisions


def test_rows_by_group_are_counts_of_the_decisions(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(workplace, capsys, "--by", "light,camera,actor")
    assert [t["title"] for t in document["tables"]] == ["by light", "by camera", "by actor"]
    for one, attribute in zip(document["tables"], ("light", "camera", "actor"), strict=True):
        for row in one["rows"]:  # type: ignore[attr-defined]
            mine = [d for d in decided(document) if d[attribute] == row["name"]]
            assert row["cells"]["top-1"]["count"] == len(mine) == 3
            assert row["cells"]["top-1"]["value"] == pytest.approx(np.mean([d["label"] == d["decision"] for d in mine]))


def test_baselines_stand_beside_the_bundle(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(workplace, capsys, "--baselines")
    names = [row["name"] for row in document["tables"][0]["rows"]]  # type: ignore[attr-defined]
    assert names == ["no correction", "gamma 2", "gamma 3", "CLAHE", "histogram equalisation", "tiny float32"]
    alone = run_json(workplace, capsys, "--gamma", "2")
    assert document["tables"][0]["rows"][1]["cells"]["top-1"]["value"] == alone["evaluations"][0]["top1"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("protocol", "rows"),
    [
        ("ellar-table3", ["tiny float32", "tiny float32 (against)"]),
        ("ellar-table4", [f"tiny float32{who}, {li}" for who in ("", " (against)") for li in ("LL", "ELL")]),
        ("ellar-table5", ["LL > LL", "LL > ELL", "ELL > LL", "ELL > ELL"]),
        ("ellar-table7", ["no gate, one head", "gate, one head", "gate and heads"]),
    ],
)
def test_every_protocol_prints_its_rows(
    workplace: Path, capsys: pytest.CaptureFixture[str], protocol: str, rows: list[str]
) -> None:
    document = run_json(workplace, capsys, "--protocol", protocol, "--against", str(workplace / "tiny3"))
    assert [row["name"] for row in document["tables"][0]["rows"]] == rows  # type: ignore[attr-defined]
    assert [e["name"] for e in document["evaluations"]] == ["tiny float32", "tiny float32 (against)"]


class Page(HTMLParser):
    """Collects what a browser would load, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        loaded = ((key, value or "") for key, value in attributes if key in ("src", "href", "data", "srcset"))
        self.loads += [f"{tag} {key}" for key, value in loaded if not value.startswith("data:")]

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def test_the_html_is_complete_in_itself_and_its_plots_are_valid(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = workplace / "report.html"
    options = ["--html", str(file), "--by", "light", "--baselines", "--protocol", "ellar-table4"]
    document = run_json(workplace, capsys, *options, "--against", str(workplace / "tiny3"))
    source = file.read_text(encoding="utf-8")
    page = Page()
    page.feed(source)
    assert page.loads == [] and "<script" not in source and "@import" not in source
    plots = re.findall(r"<svg.*?</svg>", source, re.DOTALL)
    assert len(plots) >= 3 + 2 * 3
    for plot in plots:
        ElementTree.fromstring(plot)
    value = document["evaluations"][0]["top1"]
    assert f"{value:.1%} top-1" in page.text and "ELLAR table 4" in page.text and "McNemar" in page.text


def test_bars_are_as_long_as_their_values() -> None:
    plot = ElementTree.fromstring(svg.bars([("a", 0.25, 0.1, 0.4), ("b <&> c", 0.5, 0.4, 0.6)]))
    lengths = [float(rect.attrib["width"]) for rect in plot.iter("{http://www.w3.org/2000/svg}rect")]
    assert lengths[1] == pytest.approx(2 * lengths[0], rel=0.01)


def test_curves_rise_with_their_values_on_logarithmic_axes() -> None:
    plot = ElementTree.fromstring(svg.curves({"one": [(1, 0.1), (10, 1), (100, 10)]}, "x", "y"))
    dots = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in plot.iter("{http://www.w3.org/2000/svg}circle")]
    steps = np.diff(dots, axis=0)
    assert (steps[:, 0] > 0).all() and (steps[:, 1] < 0).all()
    np.testing.assert_allclose(steps[0], steps[1], atol=0.2)


def test_percent_shows_the_interval() -> None:
    assert percent(Estimate(0.5, 0.25, 0.755, 4)) == "50.0 [25.0, 75.5]" and percent(None) == "-"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "light,weather"], "expected some of light,camera,actor"),
        (["--html", "{}/no/where.html"], "there is no folder"),
        (["--protocol", "ellar-table7", "--gamma", "2"], "leave one of them out"),
        (["--protocol", "ellar-table5", "--set", "folder:{}/silent"], "6 of 6 clips do not say their light"),
    ],
)
def test_wrong_input_gets_one_message_before_any_work(
    workplace: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    if not (workplace / "silent").exists():
        write_square_folder(workplace / "silent", 6)
    where = ["--bundle", str(workplace / "tiny0"), "--set", f"folder:{workplace / 'clips'}"]
    try:
        code = main([*where, *(option.format(workplace) for option in options)])
    except SystemExit as exit_:  # argparse
        code = int(str(exit_.code))
    assert code == EXIT_USAGE and message in capsys.readouterr().err


def test_a_damaged_video_costs_itself_and_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tiny_bundle()
    write_bundle(tmp_path / "tiny", bundle.manifest, bundle.files)
    clips = write_square_folder(tmp_path / "clips", 6)
    videos = sorted(clips.glob("*/*.avi"))
    videos[0].write_bytes(b"no video")
    arguments = ["--bundle", str(tmp_path / "tiny"), "--set", f"folder:{clips}"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "5 clips of" in out and f"left out, damaged: {videos[0]}: no video in it that OpenCV can decode" in out
    for video in videos:
        video.write_bytes(b"no video")
    assert main(arguments) == EXIT_USAGE
    assert "no clip can be decoded" in capsys.readouterr().err


def test_two_processes_report_what_one_does(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = run_json(workplace, capsys, "--by", "light")
    where = ["--bundle", str(workplace / "tiny0"), "--set", f"folder:{workplace / 'clips'}", "--json", "--by", "light"]
    command = [
        sys.executable,
        "-m",
        "calibration.evaluation.cli",
        *where,
        "--exchange",
        str(workplace / "exchange"),
    ]
    processes = []
    for rank in range(2):
        names = {"RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        processes.append(
            subprocess.Popen(command, cwd=ROOT, env={**os.environ, **names}, stdout=subprocess.PIPE, text=True)
        )
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert json.loads(outputs[0]) == alone and outputs[1] == ""


def test_what_papers_report_stands_beside_ours_in_their_columns() -> None:
    results = tuple(result(0, [0, 1, 2], light, camera) for light in ("LL", "ELL") for camera in ("C920", "Arducam"))
    one = Evaluation("made up", LABELS, results, {}, "it")
    text = table(table4([one]))
    assert re.search(r"it, LL +100\.0 .*\n", text)
    assert re.search(r"DGAM, LL +52\.53 +44\.58 +58\.39\n", text)
    assert re.search(r"DGAM +38\.42 +74\.44", table(table3([one])))
    for name, protocol in PROTOCOLS.items():
        found = protocol([one, one])
        assert found.published, name
        assert all(len(cells) == len(found.columns) for _, cells in found.published), name


def test_the_page_shows_wrong_clips_and_how_held_out_accuracy_went(tmp_path: Path) -> None:
    folder = write_square_folder(tmp_path / "squares")
    bundle = tiny_bundle()
    write_bundle(tmp_path / "run" / "bundle", bundle.manifest, bundle.files)
    metrics = [{"phase": "train", "step": step, "held_out": share} for step, share in ((50, 0.25), (100, 0.75))]
    lines = "".join(json.dumps(one) + "\n" for one in metrics)
    (tmp_path / "run" / "metrics.jsonl").write_text(lines + '{"phase": "tr')
    html = tmp_path / "page.html"
    arguments = ["--bundle", str(tmp_path / "run" / "bundle"), "--set", f"folder:{folder}", "--html", str(html)]
    assert main([*arguments, "--json"]) == 0
    page = html.read_text()
    wrong = re.search(r"<p>(\d+) of (\d+), the surest first", page)
    assert wrong and wrong[1] == wrong[2]
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(pictures) == int(wrong[1]) > 0
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(pictures[0]), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    assert shown.shape[1] == 120 and shown.max() > 200  # brightened: the clips stay under 60
    assert "75.0% at step 100" in page


def test_a_page_without_a_curve_says_why() -> None:
    assert "distill folds" in held_out([])
