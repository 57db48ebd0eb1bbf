"""The device's pipeline over streams: the same in parallel, kept through a kill, made anew when something changed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from calibration.evaluation.cli import main
from calibration.evaluation.streams.composing.choice import Source
from calibration.evaluation.streams.composing.played import PlayedStream, played_streams
from calibration.evaluation.streams.heard import SILENCE
from calibration.evaluation.streams.running import hear, kept, packed, record_key, run, unpacked
from calibration.evaluation.streams.scores import scored
from calibration.evaluation.streams.truth import NOISE
from edge.bundles.bundle import Bundle, write_bundle
from edge.errors import EXIT_USAGE
from tests.calibration.evaluation.test_evaluate import tiny_bundle
from tests.clips import LABELS, square_set, write_square_folder


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return tiny_bundle()


def streams(count: int = 5, minutes: float = 0.2) -> list[PlayedStream]:
    return played_streams(square_set(count), 60 * minutes, 0)


def test_what_is_heard_is_what_the_pipeline_says_at_its_own_threshold(bundle: Bundle) -> None:
    record = run(streams(5, 1.0)[0], bundle)
    heard = record.heard
    assert heard.labels == LABELS
    assert len(heard.times_s) > 0.8 * 15 * record.truth.length_s
    assert heard.rule.threshold == bundle.manifest.smoothing.minimum_confidence
    assert np.allclose(heard.probabilities.sum(axis=1)[heard.open], 1, atol=1e-5)
    assert (heard.decided(0.0) != SILENCE).sum() == heard.open.sum()
    assert [one.label for one in record.truth.happenings].count("left") == 2
    assert record.truth.of_kind(NOISE)


def test_a_record_comes_back_as_it_was(bundle: Bundle) -> None:
    record = run(streams(2)[0], bundle)
    again = unpacked(packed(record))
    assert again.truth == record.truth
    assert packed(again) == packed(record)
    for name in ("times_s", "probabilities", "said", "state", "gammas"):
        assert np.array_equal(getattr(again.heard, name), getattr(record.heard, name)), name
    assert (again.heard.labels, again.heard.rule) == (record.heard.labels, record.heard.rule)


def test_a_kept_record_is_not_made_again_and_a_broken_one_is(bundle: Bundle, tmp_path: Path) -> None:
    stream = streams(2)[0]
    made = kept(stream, bundle, 1, None, tmp_path)
    (file,) = tmp_path.iterdir()
    unplayable = dataclasses.replace(stream, parts=stream.parts)
    object.__setattr__(unplayable, "play", None)
    assert packed(kept(unplayable, bundle, 1, None, tmp_path)) == packed(made)
    file.write_bytes(packed(made)[:200])
    assert packed(kept(stream, bundle, 1, None, tmp_path)) == packed(made)
    assert file.read_bytes() == packed(made)


def test_another_bundle_engine_or_stream_has_another_record(bundle: Bundle) -> None:
    first, *_ = streams(2)
    keys = {
        record_key(first, bundle, None),
        record_key(first, tiny_bundle(1), None),
        record_key(first, bundle, "openvino"),
        record_key(streams(3)[0], bundle, None),
    }
    other = dataclasses.replace(bundle, digest="x")
    assert len({*keys, record_key(first, other, None)}) >= 4
    assert record_key(first, bundle, None) == record_key(streams(2)[0], bundle, None)


def test_processes_and_the_cache_change_nothing(bundle: Bundle, tmp_path: Path) -> None:
    source = Source("squares", LABELS, streams(6, 0.05))
    assert len(source.streams) > 2
    alone = scored(hear(bundle, [source]))
    together = scored(hear(bundle, [source], workers=2, cache=tmp_path))
    again = scored(hear(bundle, [source], cache=tmp_path))
    assert alone.as_dict() == together.as_dict() == again.as_dict()
    assert alone.happened == 6


def written(bundle: Bundle, folder: Path) -> Path:
    write_bundle(folder, bundle.manifest, bundle.files)
    return folder


def test_a_run_that_was_killed_goes_on(bundle: Bundle, tmp_path: Path) -> None:
    path = written(bundle, tmp_path / "bundle")
    options = ["--bundle", str(path), "--stream", "--set", "life_val", "--hours", "0.004", "--minutes", "0.06"]
    options += ["--workers", "1", "--json", "--cache", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "calibration.evaluation.cli", *options]
    cache = tmp_path / "cache" / "streams"
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (cache.is_dir() and list(cache.glob("*.npz"))):
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    finished = {file: file.stat().st_mtime_ns for file in cache.glob("*.npz")}
    assert 1 <= len(finished) < 4
    resumed = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert len(list(cache.glob("*.npz"))) == 4
    assert {file: file.stat().st_mtime_ns for file in finished} == finished, "what was finished is not made again"
    options[-1] = str(tmp_path / "elsewhere")
    whole = subprocess.run([*command[:3], *options], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)


def test_the_command_tells_a_data_set_in_text_json_and_html(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = written(bundle, tmp_path / "bundle"), write_square_folder(tmp_path / "squares", 4)
    page = tmp_path / "page.html"
    options = ["--bundle", str(path), "--stream", "--set", f"folder:{folder}", "--workers", "1"]
    options += ["--cache", str(tmp_path / "cache"), "--html", str(page)]
    assert main(options) == 0
    assert "4 actions" in capsys.readouterr().out
    assert "<svg" in page.read_text()
    assert main([*options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["happened"] == 4
    assert found["set"].startswith("folder:")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--stream", "--against", "x"], "leave out --against"),
        (["--stream", "--hours", "0"], "--hours is 0"),
        (["--stream", "--minutes", "-1"], "--minutes is -1"),
        (["--stream", "--workers", "0"], "--workers is 0"),
        (["--stream", "--set", "lief_test"], "; of streams also life_val, life_test"),
        (["--hours", "1", "--set", "synthetic_val"], "--stream"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options) == EXIT_USAGE
    assert told in capsys.readouterr().err


def test_without_streams_a_set_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "--set" in capsys.readouterr().err
