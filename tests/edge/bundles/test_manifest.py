"""The manifest protects itself: a flipped bit is refused or changes nothing, and no text of it is more than text."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edge.bundles.bundle import Bundle, write_bundle
from edge.bundles.manifest import (
    DIGEST,
    DecisionSpec,
    FileDigest,
    Manifest,
    OperatingPoint,
    digest_of,
    parse_manifest,
)
from edge.errors import BundleError
from tests.students import tiny_files, tiny_manifest, tiny_student

STUDENT = tiny_student()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("manifest") / "bundle"
    write_bundle(path, tiny_manifest(STUDENT), tiny_files(STUDENT))
    return (path / "manifest.json").read_bytes()


def test_every_flipped_bit_is_refused_or_means_the_same(written: bytes) -> None:
    whole = parse_manifest(written, "here")
    taken = 0
    for bit in range(8 * len(written)):
        flipped = bytearray(written)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            manifest = parse_manifest(bytes(flipped), "here")
        except BundleError:
            continue
        assert manifest == whole, f"bit {bit}"
        taken += 1
    assert taken < 0.01 * 8 * len(written)  # white space


def test_a_changed_value_names_the_digest(written: bytes) -> None:
    with pytest.raises(BundleError, match=r"here: digest: expected [0-9a-f]{64}, the digest of all the rest, found"):
        parse_manifest(written.replace(b'"left"', b'"lift"'), "here")
    with pytest.raises(BundleError, match=r"digest: expected .*, found null"):
        parse_manifest(json.dumps({**json.loads(written), DIGEST: None}).encode(), "here")


def test_one_that_was_written_before_there_were_digests_still_reads(written: bytes) -> None:
    document = json.loads(written)
    del document[DIGEST]
    assert parse_manifest(json.dumps(document).encode(), "here") == parse_manifest(written, "here")


def test_order_and_white_space_are_no_damage(written: bytes) -> None:
    document = dict(reversed(json.loads(written).items()))
    assert parse_manifest(json.dumps(document, indent=7).encode(), "here") == parse_manifest(written, "here")


@pytest.mark.parametrize("key", ["name", "height"])
def test_a_key_twice_is_refused(written: bytes, key: str) -> None:
    twice = written.replace(f'"{key}":'.encode(), f'"{key}": 9, "{key}":'.encode(), 1)
    with pytest.raises(BundleError, match=f"key '{key}' twice"):
        parse_manifest(twice, "here")


@pytest.mark.parametrize(
    "text", ["walk\nWATCHDOG=trigger\nMAINPID=1", "\x1b[2J", "\ud800", "a\u202eb", "\x7f", "\0", "a\u2028b"], ids=ascii
)
def test_no_text_of_a_manifest_holds_more_than_text(tmp_path: Path, text: str) -> None:
    plain = tiny_manifest(STUDENT)
    state = dataclasses.replace(plain.states[0], input=text)
    provenance = dataclasses.replace(plain.provenance, notes=(text,))
    wrong: dict[str, Manifest] = {
        "name": dataclasses.replace(plain, name=text),
        r"labels\[1\]": dataclasses.replace(plain, labels=("a", text)),
        r"states\[0\].input": dataclasses.replace(plain, states=(state, *plain.states[1:])),
        r"provenance.notes\[0\]": dataclasses.replace(plain, provenance=provenance),
    }
    for place, manifest in wrong.items():
        with pytest.raises(BundleError, match=f"{place}: expected a text without control characters") as caught:
            write_bundle(tmp_path / "bundle", manifest, tiny_files(STUDENT))
        assert str(caught.value).isprintable()
    assert not list(tmp_path.iterdir())


def test_an_unknown_key_is_told_printably() -> None:
    with pytest.raises(BundleError, match="no such key") as caught:
        parse_manifest(json.dumps({"\x1b[2J\n\ud800": "\n"}).encode(), "here")
    assert str(caught.value).isprintable()


def test_texts_and_numbers_have_an_end(written: bytes) -> None:
    plain = json.loads(written)
    del plain[DIGEST]
    for changed, message in (
        ({"labels": ["a", "b" * 300]}, r"labels\[1\]: expected at most 200 letters"),
        ({"labels": [f"l{i}" for i in range(1001)]}, "labels: expected at most 1000 values"),
        ({"front_end": {"height": 4096, "width": 4096, "statistics": "pixel"}}, "front_end.height: .* 8 to 1024"),
        ({"states": [{**plain["states"][0], "shape": [65536, 65536]}]}, r"states\[0\].shape: expected at most"),
        ({"cadence": {**plain["cadence"], "interval_ms": 10**400}}, "cadence.interval_ms: expected a number"),
    ):
        with pytest.raises(BundleError, match=message) as caught:
            parse_manifest(json.dumps({**plain, **changed}).encode(), "here")
        assert len(str(caught.value)) < 1000


def test_the_digest_is_that_of_the_rest(tmp_path: Path, written: bytes) -> None:
    document = json.loads(written)
    assert document[DIGEST] == digest_of(document)
    (tmp_path / "manifest.json").write_bytes(written)
    for name, data in tiny_files(STUDENT).items():
        (tmp_path / name).write_bytes(data)
    assert Bundle.load(tmp_path).text == written


POINT = OperatingPoint(0.7, 0.4, 0.8, 2.0)
DECISION = DecisionSpec((1.0,) * 3, (0.0,) * 3, 3000.0, 0.3, 200.0, 0.0, POINT, POINT, POINT)


def deciding(*labels: str) -> Manifest:
    manifest = dataclasses.replace(tiny_manifest(STUDENT), labels=labels)
    return manifest.deciding(DECISION)


def test_one_that_decides_is_of_another_format_and_comes_back() -> None:
    manifest = deciding("left", "other", "nothing")
    document = manifest.to_json()
    assert (manifest.format, manifest.actions) == (2, ("left",))
    files = json.loads(tiny_manifest_with_files().to_json())["files"]
    again = parse_manifest(json.dumps({**json.loads(document), "files": files}).encode(), "here")
    assert again.decision == DECISION
    assert again.deciding(None).format == 1


def tiny_manifest_with_files() -> Manifest:
    digest = FileDigest("0" * 64, 1)
    return dataclasses.replace(tiny_manifest(STUDENT), files={"student.onnx": digest, "gate.npz": digest})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": [1.0]}, r"decision.scale: expected a number per label, 3, found 1"),
        ({"bias": []}, r"decision.bias: expected a number per label, 3, found 0"),
        ({"evidence": 0}, r"decision.evidence: expected a number from 0.001 to 1.0, found 0"),
        ({"low": {"enter": 0.2, "leave": 0.4, "recall": 1, "false_per_hour": 0}}, "leave: expected at most enter"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    manifest = dataclasses.replace(tiny_manifest_with_files(), labels=("left", "right", "other")).deciding(DECISION)
    document = json.loads(manifest.to_json())
    document["decision"].update(change)
    with pytest.raises(BundleError, match=message):
        parse_manifest(json.dumps(document).encode(), "here")


def test_a_format_and_what_it_says_belong_together() -> None:
    document = json.loads(tiny_manifest_with_files().to_json())
    with pytest.raises(BundleError, match=r"format: expected 1 without decision, found 2"):
        parse_manifest(json.dumps({**document, "format": 2}).encode(), "here")
    decided = json.loads(
        dataclasses.replace(tiny_manifest_with_files(), labels=("left", "other", "nothing"))
        .deciding(DECISION)
        .to_json()
    )
    with pytest.raises(BundleError, match=r"format: expected 2 with decision, found 1"):
        parse_manifest(json.dumps({**decided, "format": 1}).encode(), "here")
    with pytest.raises(BundleError, match=r"labels: expected an action beside other, nothing"):
        parse_manifest(
            json.dumps(
                {**decided, "labels": ["other", "nothing"], "decision": {**decided["decision"], **NOTHING}}
            ).encode(),
            "here",
        )


NOTHING = {"scale": [1.0, 1.0], "bias": [0.0, 0.0]}
