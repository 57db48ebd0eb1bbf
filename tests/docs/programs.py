"""The programs that documents call: which are ours, and what their own parsers say to a documented line."""

from __future__ import annotations

import argparse
import importlib
import re
import runpy
import shlex
from importlib import metadata
from pathlib import Path
from unittest.mock import patch

from distill.training.job import read_document
from tests.prose import ROOT

ENTRY = re.compile(r'"(\S+) = (\S+):main"')
OURS = dict(ENTRY.findall((ROOT / "setup.py").read_text(encoding="utf-8")))  # program -> module
FOREIGN = ("make", "python", "python3", "torchrun", "pip", "sudo", "apt", "journalctl", "systemctl", "cp", "git")
PROGRAMS = (*OURS, *FOREIGN)
TARGET = re.compile(r"^([a-z0-9-]+):.*## ", re.MULTILINE)
TARGETS = {
    target
    for file in (ROOT / "Makefile", *(ROOT / "make").glob("*.mk"))
    for target in TARGET.findall(file.read_text(encoding="utf-8"))
}
EXTRAS = set(metadata.metadata("ellar-edge").get_all("Provides-Extra") or [])
ROOMS = ("edge/", "calibration/", "distill/", "quantize/", "bundles/", "benchmarks/", "firmware_configs/")
# What a page writes for a number or a choice, as an example of it.
EXAMPLES = {"N": "2", "S": "1", "G": "2", "NAME": "ellar-table3", "ellar-table3|4|5|arid|arid15|dark48": "ellar-table3"}


def program_of(text: str) -> str:
    """The program's bare name, without sudo and without the folder of an environment."""
    words = text.split()
    words = words[1:] if words and words[0] == "sudo" else words
    return words[0].rpartition("bin/")[2] if words else ""


def check(text: str) -> list[str]:
    """What is wrong with a documented command line, as its programs' own parsers, Makefile or extras tell."""
    return [fault for part in _parts(text) for fault in _check_one(part)]


def _parts(text: str) -> list[str]:
    """Optional parts taken, the first of alternatives, without elisions; then one command each."""
    text = re.sub(r"\[(--[^\]|]*)(\|[^\]]*)?\]", r"\1", text)
    return [part.strip() for part in re.split(r" && | \| ", text.replace(" ...", ""))]


def _check_one(text: str) -> list[str]:
    words = [EXAMPLES.get(word, word) for word in shlex.split(re.sub(r"\s[12]?> ?\S+", "", text))]
    words = words[1:] if words[0] == "sudo" else words
    missing = [f"{word}: no such file" for word in words if word.startswith(ROOMS) and not (ROOT / word).exists()]
    program, arguments = words[0].rpartition("bin/")[2], words[1:]
    if program in OURS:
        return missing + _refused(OURS[program], arguments)
    if program in ("python", "torchrun") and "-m" in arguments:
        at = arguments.index("-m")
        return missing + _refused(arguments[at + 1], arguments[at + 2 :])
    if program == "make":
        return [f"make {word}: no such target" for word in arguments if "=" not in word and word not in TARGETS]
    if program == "pip":
        named = re.findall(r"\[([\w,-]+)\]", text)
        return [f"{extra}: no such extra" for group in named for extra in group.split(",") if extra not in EXTRAS]
    return missing


class _ParsedError(Exception):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__("parsed")
        self.options = options


def _refused(module: str, arguments: list[str]) -> list[str]:
    """Run the program as far as its options are parsed; a recipe among them is read, with its changes."""
    path = Path(*module.split("."))
    source = next((ROOT / p for p in (path.with_suffix(".py"), path / "__main__.py") if (ROOT / p).is_file()), None)
    if source is None:
        return [f"{module}: no such program"]
    if "ArgumentParser" not in source.read_text(encoding="utf-8"):
        return [f"{module}: takes no arguments"] if arguments else []
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(
        parser: argparse.ArgumentParser, args: list[str] | None = None, namespace: object = None
    ) -> None:
        raise _ParsedError(parse(parser, args))

    with patch.object(argparse.ArgumentParser, "parse_args", parse_and_stop), patch("sys.argv", [module, *arguments]):
        try:
            if hasattr(imported := importlib.import_module(module), "main"):
                imported.main()
            else:  # a folder with a __main__.py
                runpy.run_module(module, run_name="__main__")
        except _ParsedError as parsed:
            recipe = getattr(parsed.options, "recipe", None)
            if recipe is not None and (ROOT / recipe).is_file():
                read_document(ROOT / recipe, tuple(parsed.options.changes))
        except SystemExit as refusal:
            return [f"{module} {shlex.join(arguments)}: its parser ends with {refusal.code}"]
    return []
