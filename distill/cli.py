"""distill: make students.

distill pretrain RECIPE --out DIR            learn from the sources marked `pretrain`: DIR/pretrained.safetensors
distill train RECIPE --out DIR [--start F]   then from every source, then the gate: DIR/bundle (float)
distill folds RECIPE --out DIR [--start F]   the same without some actors, fold by fold: DIR/0/bundle, DIR/0/clips.txt

Without --start, train and folds pre-train first.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EXIT_STOPPED, EXIT_USAGE, EdgeError


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except EdgeError as error:
        print(f"distill: {error}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="distill", description="Train students for the dark.")
    commands = parser.add_subparsers(dest="command", required=True)
    verbs = {
        "pretrain": "learn from the sources marked `pretrain`",
        "train": "train on every source",
        "folds": "train once per fold, actors left out",
    }
    for name, what in verbs.items():
        command = commands.add_parser(name, help=what, description=what)
        if name != "pretrain":
            command.add_argument("--start", type=Path, help="what `distill pretrain` wrote")
        command.add_argument("recipe", type=Path, help="a YAML file, such as distill/recipes/student.yaml")
        command.add_argument("--out", type=Path, required=True, help="directory for bundles and metrics")
        command.add_argument("--data-root", type=Path, help="directory of the data sets that the recipe names")
        command.add_argument("--cache", type=Path, default=Path(".cache/tensors"), help="prepared clips (%(default)s)")
        command.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes and threads")
    return parser


def _run(options: argparse.Namespace) -> int:
    try:
        import torch
    except ImportError:
        print("distill: needs PyTorch; install it with: pip install 'ellar-edge[distill]'", file=sys.stderr)
        return EXIT_USAGE
    from distill.bundles import write_float_bundle
    from distill.gate import train_gate
    from distill.recipe import load_recipe
    from distill.sources import Source, load_sources
    from distill.train import fine_tune, load_weights, metrics_writer, pretrain, save_weights

    torch.set_num_threads(options.workers)
    recipe = load_recipe(options.recipe)
    options.out.mkdir(parents=True, exist_ok=True)
    sources = load_sources(recipe, options.data_root, options.cache, options.workers, _progress)
    report = metrics_writer(options.out / "metrics.jsonl", print)
    if options.command == "pretrain":
        save_weights(pretrain(recipe, sources, report), options.out / "pretrained.safetensors")
        return EXIT_STOPPED
    pretrained = load_weights(recipe, options.start) if options.start else pretrain(recipe, sources, report)

    def make(out: Path, chosen: list[Source]) -> None:
        student = fine_tune(pretrained, recipe, chosen, report)
        gate = train_gate(student, recipe, chosen, report)
        write_float_bundle(out / "bundle", student, gate, recipe, options.recipe.name)
        print(f"wrote {out / 'bundle'}")

    if options.command == "train":
        make(options.out, sources)
        return EXIT_STOPPED
    held_out = sources[recipe.folds.source]
    for number, actors in enumerate(recipe.folds.actors):
        fold = options.out / str(number)
        fold.mkdir(exist_ok=True)
        names = [name for name, actor in zip(held_out.names, held_out.actors, strict=True) if actor in actors]
        (fold / "clips.txt").write_text("".join(f"{name}\n" for name in names))
        make(fold, [source.without(actors) for source in sources])
    return EXIT_STOPPED


def _progress(name: str, done: int, of: int) -> None:
    if done == of or done % 20 == 0:
        print(f"\r{name}: {done} of {of} clips", end="\n" if done == of else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
