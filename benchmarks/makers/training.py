"""How long one epoch of the student on 150 clips takes here: python -m benchmarks.makers.training [--threads N]."""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from calibration.tensors import ClipTensors
from distill.students.recipe import Recipe, load_recipe
from distill.students.sources import Source, Stretch
from distill.students.stages.training import fine_tune, new_student
from distill.training.loop import TrainingRun

CLIPS, TICKS = 150, 45  # three seconds each
RECIPE = Path(__file__).parents[2] / "distill" / "recipes" / "students" / "student.yaml"


def clips_of_noise(recipe: Recipe) -> Source:
    """Prepared clips of the recipe's size: time does not depend on what they show."""
    rng, shape = np.random.default_rng(0), recipe.geometry
    size = (len(shape.gammas), TICKS, shape.input_height, shape.input_width, 3)
    clip = ClipTensors(rng.integers(0, 256, size, np.uint8), np.zeros((TICKS, 3), np.float32))
    labels = tuple(i % len(recipe.labels) for i in range(CLIPS))
    clips: Any = (clip,) * CLIPS  # in memory, for StoredTensors
    whole = tuple((Stretch(0, TICKS, label),) for label in labels)
    return Source(tuple(map(str, range(CLIPS))), clips, labels, (None,) * CLIPS, 1.0, False, whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    torch.set_num_threads(parser.parse_args().threads)
    recipe = load_recipe(RECIPE)
    steps = -(-CLIPS // recipe.schedule.batch)
    recipe = replace(recipe, schedule=replace(recipe.schedule, steps=steps))
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(Path(folder), ("train",), show=lambda line: print(f"{CLIPS} clips, {steps} steps: {line}"))
        fine_tune(new_student(recipe), recipe, [clips_of_noise(recipe)], run)


if __name__ == "__main__":
    main()
