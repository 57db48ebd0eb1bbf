"""A decision chosen on what was heard: it keeps to the rates it is given, and names what a boasting network hides."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from calibration.cli import main as calibration
from calibration.deciding.choosing import choose, described, raw
from calibration.deciding.scaling import calibration_error
from calibration.evaluation.streams.heard import CLOSED, OPEN, SILENCE, Heard, Rule
from calibration.evaluation.streams.scores import HeardStream, scored
from calibration.evaluation.streams.truth import IDLE, Happening, Truth
from edge.bundles.bundle import Bundle, write_bundle
from edge.bundles.manifest import SENSITIVITIES, Manifest
from edge.errors import DataError
from edge.recognition.decoder import Decoder
from tests.clips import write_square_folder
from tests.students import tiny_files, tiny_manifest, tiny_student

LABELS = ("sit", "walk", "other", "nothing")
FPS, LENGTH_S = 15.0, 120.0


def lived(seed: int, boasting: float = 3.0) -> HeardStream:
    """Sitting, walking, something else and nothing, and a network that is right in two ticks of three."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(LENGTH_S * FPS)) / FPS
    happenings, doing, now = [], np.full(len(times_s), 3), 1.0
    while now < LENGTH_S - 8:
        label, length_s = str(rng.choice(["sit", "walk", "other", IDLE])), rng.uniform(2, 4)
        happenings.append(Happening(now, now + length_s, label))
        doing[(times_s >= now) & (times_s < now + length_s)] = LABELS.index("nothing" if label == IDLE else label)
        now += length_s + rng.uniform(1, 3)
    believed = np.where(rng.random(len(times_s)) < 0.66, doing, rng.integers(0, 4, len(times_s)))
    logits = boasting * np.eye(4)[believed] + rng.normal(0, 0.3, (len(times_s), 4))
    p = np.exp(logits)
    heard = Heard(
        LABELS,
        times_s,
        (p / p.sum(1, keepdims=True)).astype(np.float32),
        np.full(len(times_s), SILENCE),
        np.full(len(times_s), OPEN, np.uint8),
        np.ones(len(times_s)),
        Rule(1.0, 1.0),
        1 / FPS,
    )
    naming = {"sit": "sit", "walk": "walk"}.get
    return HeardStream(f"stream {seed}", "made up", f"p{seed}", Truth(LENGTH_S, tuple(happenings)), heard, naming)


STREAMS = [lived(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def chosen() -> Manifest:
    choice = choose(STREAMS, (30.0, 120.0, 600.0))  # six minutes know no smaller rates
    assert choice.f1 > 0.7 and choice.rows > 1000
    assert len(list(described(choice))) == 5
    manifest = dataclasses.replace(tiny_manifest(tiny_student()), labels=LABELS)
    return manifest.deciding(choice.spec)


def decided(stream: HeardStream, manifest: Manifest, sensitivity: str) -> HeardStream:
    """As the runtime's decoder says it."""
    assert manifest.decision is not None
    decoder, heard = Decoder(LABELS, manifest.decision, sensitivity), stream.heard
    decisions = [
        decoder.step(np.log(p), time_s) for p, time_s in zip(heard.probabilities, heard.times_s.tolist(), strict=True)
    ]
    said = np.array([SILENCE if one.index is None else one.index for one in decisions])
    beliefs = np.stack([one.probabilities for one in decisions])
    point = manifest.decision.point(sensitivity)
    rule = Rule(point.enter, point.leave, manifest.decision.shortest_ms / 1e3)
    return dataclasses.replace(stream, heard=dataclasses.replace(heard, said=said, probabilities=beliefs, rule=rule))


@pytest.mark.parametrize("sensitivity", SENSITIVITIES)
def test_the_runtime_does_what_the_manifest_says_of_it(chosen: Manifest, sensitivity: str) -> None:
    assert chosen.decision is not None
    found = scored([decided(stream, chosen, sensitivity) for stream in STREAMS])
    point = chosen.decision.point(sensitivity)
    assert found.overlaps[0.0].found.value == pytest.approx(point.recall, abs=0.02)
    assert found.negatives_per_hour.value == pytest.approx(point.false_per_hour, rel=0.1, abs=10)


def test_a_higher_sensitivity_names_as_much_or_more(chosen: Manifest) -> None:
    assert chosen.decision is not None
    recalls = [chosen.decision.point(sensitivity).recall for sensitivity in SENSITIVITIES]
    assert recalls == sorted(recalls)


def test_on_other_streams_it_does_about_as_well_and_confidence_holds(chosen: Manifest) -> None:
    fresh = [decided(lived(seed), chosen, "normal") for seed in range(10, 12)]
    assert (scored(fresh).overlaps[0.3].f1.value or 0) > 0.5
    assert chosen.decision is not None and max(chosen.decision.scale) < 1  # it boasted


def test_confidence_of_a_tick_is_the_share_that_is_right(chosen: Manifest) -> None:
    spec = chosen.decision
    assert spec is not None
    heard, errors = STREAMS[0].heard, []
    truth = np.full(len(heard.times_s), 3)
    for one in STREAMS[0].truth.happenings:
        truth[(heard.times_s >= one.start_s) & (heard.times_s < one.end_s)] = (
            3 if one.label == IDLE else LABELS.index(one.label)
        )
    log = np.log(heard.probabilities.astype(np.float64))
    for scale, bias in ((np.ones(4), np.zeros(4)), (np.array(spec.scale), np.array(spec.bias))):
        p = np.exp(scale * log + bias)
        p /= p.sum(1, keepdims=True)
        errors.append(calibration_error(p.max(1), p.argmax(1) == truth, np.ones(len(p))))
    assert errors[1] < 0.09 and errors[1] < 0.6 * errors[0]


def test_ticks_at_which_nothing_was_seen_are_no_evidence() -> None:
    stream = STREAMS[0]
    closed = dataclasses.replace(stream.heard, state=np.full(len(stream.heard.times_s), CLOSED, np.uint8))
    with pytest.raises(DataError, match="hold nothing that this bundle has a label for"):
        choose([dataclasses.replace(stream, heard=closed)])


def test_a_raw_decision_is_the_networks_answer() -> None:
    manifest = raw(dataclasses.replace(tiny_manifest(tiny_student()), labels=LABELS))
    assert manifest.decision is not None
    decoder = Decoder(LABELS, manifest.decision)
    rng = np.random.default_rng(0)
    for tick in range(30):
        logits = rng.normal(0, 2, 4).astype(np.float32)
        found = decoder.step(logits, tick * 0.0667)
        p = np.exp(logits - logits.max())
        np.testing.assert_allclose(found.probabilities, p / p.sum(), rtol=1e-3, atol=1e-5)
        assert found.index is None


def test_the_command_writes_the_same_network_with_a_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    student = tiny_student()
    write_bundle(tmp_path / "plain", tiny_manifest(student), tiny_files(student))
    clips = write_square_folder(tmp_path / "squares", 6)
    command = ["decide", "--bundle", str(tmp_path / "plain"), "--out", str(tmp_path / "deciding")]
    command += ["--set", f"folder:{clips}", "--workers", "1"]
    assert calibration(command) == 0
    told = capsys.readouterr().out
    assert "false labels an hour" in told
    before, after = Bundle.load(tmp_path / "plain"), Bundle.load(tmp_path / "deciding")
    assert after.manifest.decision is not None and after.manifest.format == 2
    assert after.manifest.deciding(None) == before.manifest
    assert dict(after.files) == dict(before.files)
    assert calibration(command) == 0
    assert Bundle.load(tmp_path / "deciding").digest == after.digest


def test_rates_that_cannot_be_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["decide", "--bundle", "x", "--out", str(tmp_path / "out"), "--false-per-hour", "5", "2", "9"]
    assert calibration(command) == 2
    assert "expected three rates from 0 upwards, the lowest first, found 5 2 9" in capsys.readouterr().err
