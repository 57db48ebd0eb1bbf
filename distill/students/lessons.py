"""What a teacher says of every clip that a student learns from.

A paper's teacher sees the clip itself: asked once, kept in the cache. A wider student sees what the student sees.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch

from calibration.clip_sets.clips import Clip
from calibration.tensors import ClipTensors
from distill.students.recipe import Recipe, recipe_of
from distill.students.sources import Lesson
from distill.students.starts import STUDENT, load_weights
from distill.teachers.evaluation import ask
from distill.teachers.training import WEIGHTS, load_teacher
from distill.training.checkpoint import read_tensors, write_tensors
from distill.training.job import JOB, read_job
from distill.training.parallel import TrainingTeam
from edge.errors import DataError


@dataclass
class Lessons:
    """Callable on a clip. folder: the teacher's training. labels: the student's, a part of the teacher's or all.

    Raises DataError where the teacher does not know one of them.
    """

    folder: Path
    labels: tuple[str, ...]
    cache: Path
    team: TrainingTeam = field(default_factory=TrainingTeam)

    def __post_init__(self) -> None:
        self._trained = load_teacher(self.folder, self.team)
        unknown = set(self.labels) - set(self._trained.labels)
        if unknown:
            known = ", ".join(self._trained.labels)
            raise DataError(f"{self.folder}: the teacher knows {known}, not {', '.join(sorted(unknown))}")
        self._columns = [self._trained.labels.index(label) for label in self.labels]
        self._digest = hashlib.sha256((self.folder / WEIGHTS).read_bytes()).hexdigest()

    def __call__(self, clip: Clip) -> Lesson:
        """Mean over the views of the teacher's protocol: float32 logits [classes], features [D]."""
        key = hashlib.sha256(f"{self._digest} {self._trained.recipe} {clip.identity}".encode()).hexdigest()[:32]
        path = self.cache / f"{key}.lesson.safetensors"
        if path.exists():
            tensors, _ = read_tensors(path)
        else:
            number = int.from_bytes(hashlib.sha256(clip.identity.encode()).digest()[:4], "big")
            logits, features = ask(self._trained, clip, number, self.cache, self.team)
            tensors = {"logits": logits.mean(0), "features": features.mean(0)}
            if self.team.first:
                self.cache.mkdir(parents=True, exist_ok=True)
                write_tensors(path, tensors, {})
        return Lesson(tensors["logits"][self._columns], torch.as_tensor(tensors["features"]))


class StudentLessons:
    """Callable on a clip's tensors: the mean of what all experts of a wider student answer, each in its own row.

    folder: that student's training. recipe: of the one who learns; it has to see the same. Raises DataError.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        job = read_job(folder if (folder / JOB).exists() else folder.parent)
        teachers = recipe_of(job.fields, job.recipe_name)
        if (teachers.geometry, teachers.labels) != (recipe.geometry, recipe.labels):
            raise DataError(f"{folder}: a student learns from one with the same `geometry` and `labels` in its recipe")
        self._student = load_weights(teachers, folder / STUDENT).eval()
        self._warm_up = teachers.schedule.warm_up

    def __call__(self, clip: ClipTensors) -> Lesson:
        """Mean over experts and ticks: float32 logits [classes], features [D]."""
        with torch.inference_mode():
            features = self._student.features(torch.from_numpy(clip.x).movedim(-1, 2).float())[:, self._warm_up :]
            own_row = self._student.score(features).diagonal(dim1=0, dim2=2)  # [ticks, classes, experts]
        return Lesson(own_row.mean((0, 2)), features.mean((0, 1)))
