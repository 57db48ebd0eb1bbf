"""Defaults, file and command line become one configuration that can be printed and read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ConfigError, UsageError
from edge.run.config import Config, load_settings


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "edge.yaml"
    path.write_text(text)
    return path


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "camera: arducam\nthreads: 2\nquiet: true\n")
    settings = load_settings(path, {"camera": "2", "gamma": 2.0, "threads": None, "quiet": None})
    assert settings.config == Config(camera="2", threads=2, gamma=2.0, quiet=True)
    assert settings.origins["camera"] == "command line"
    assert settings.origins["threads"] == str(path)
    assert settings.origins["board"] == "default"


def test_what_is_printed_is_read_back(tmp_path: Path) -> None:
    settings = load_settings(None, {"camera": "file:a: #b.mp4", "duration": 2.5, "max_frames": 10, "realtime": True})
    again = load_settings(write(tmp_path, settings.to_yaml()), {})
    assert again.config == settings.config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("camra: demo", "unknown key 'camra'; did you mean 'camera'?"),
        ("threads: two", "threads: expected a whole number, found 'two'"),
        ("threads: 0", "threads: expected 1 to 64, found 0"),
        ("gamma: -1", "gamma: expected 0.1 to 10, found -1"),
        ("gamma: .nan", "gamma: expected 0.1 to 10, found nan"),
        ("camera: 2", "camera: expected a text (in quotes if it looks like a number), found 2"),
        ("camera: ''", "camera: is empty"),
    ],
)
def test_a_wrong_file_names_key_and_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load_settings(path, {})
    assert message in str(raised.value) and str(path) in str(raised.value)


def test_a_wrong_option_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"command line: max_frames: expected 1 to .*, found 0"):
        load_settings(None, {"max_frames": 0})
