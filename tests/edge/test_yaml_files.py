"""YAML that anybody may have written: whatever it is, `edge-run` says in one line what is wrong, and exits with 78."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from edge.errors import EXIT_CONFIG, ConfigError
from edge.run.config import load_settings
from edge.yaml_files import load_yaml
from tests.edge.run.test_edge_run import EdgeRun

ODD = {
    "a date": "camera: 2024-01-01",
    "a date that is none": "camera: 2001-99-99",
    "a tag of a date": "camera: !!timestamp abc",
    "a tag of an int": "threads: !!int abc",
    "an empty int": "threads: !!int ''",
    "a tag of a float": "gamma: !!float abc",
    "a tag of a bool": "quiet: !!bool perhaps",
    "a tag of a mapping": "threads: !!int {a: b}",
    "a set": "camera: !!set {a}",
    "an object": "camera: !!python/object/apply:os.system [id]",
    "400 digits": f"fps: {'9' * 400}",
    "400 digits of an int": f"max_frames: {'9' * 400}",
    "5000 digits": f"threads: {'9' * 5000}",
    "deep lists": "camera: " + "[" * 30_000,
    "deep mappings": "camera: " + "{a: " * 10_000,
    "deep blocks": "".join(" " * i + "a:\n" for i in range(300)),
    "aliases": "a: &a [x, x]\nb: &b [*a, *a]\ncamera: *b",
    "a key twice": "camera: demo\ncamera: 2",
    "a list for a key": "? [a]\n: b",
    "a number for a key": "1: x",
    "two documents": "camera: demo\n---\ncamera: demo",
    "a tab": "camera: demo\n\tthreads: 1",
    "NUL": 'camera: "a\\0b"',
    "half a character": 'camera: "\\ud800"',
    "an escape": 'camera: "\\e[2J"',
    "not a number": "gamma: .nan",
    "no end": "duration: .inf",
    "a list": "- camera",
    "a word": "camera",
    "bytes": "camera: \udce9",
    "a byte of nothing": "\x00",
    "too much": "# " + "x" * 100_000,
}


@pytest.mark.parametrize("what", ODD)
def test_odd_yaml_is_one_line(what: str, tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_bytes(ODD[what].encode("utf-8", "surrogateescape"))
    start_s = time.process_time()
    with pytest.raises(ConfigError) as raised:
        load_settings(path, {})
    message = str(raised.value)
    assert str(path) in message and "\n" not in message and message.isprintable() and len(message) < 1000
    assert time.process_time() - start_s < 20


@pytest.mark.parametrize(
    "what", ["a tag of an int", "deep lists", "aliases", "a key twice", "400 digits", "half a character"]
)
def test_the_program_exits_with_78(what: str, edge_run: EdgeRun, tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(ODD[what])
    done = edge_run("--config", path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (EXIT_CONFIG, "", 1), done.stderr


def test_what_is_no_regular_file_is_not_waited_for(edge_run: EdgeRun, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path, "n" * 5000, tmp_path / "none", f"{tmp_path}/none/none"):
        done = edge_run("--config", path, timeout_s=30)
        assert (done.returncode, done.stderr.count("\n")) == (EXIT_CONFIG, 1), done.stderr


def test_ordinary_yaml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_bytes(b"\xef\xbb\xbfcamera: demo\nthreads: 2\ngamma: 2\n# a comment\nquiet: yes\n")
    assert load_yaml(path) == {"camera": "demo", "threads": 2, "gamma": 2, "quiet": True}
    path.write_text("")
    assert load_yaml(path) == {}
