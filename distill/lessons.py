"""What a teacher says of every clip that a student learns from: asked once, kept in the cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch

from calibration.clips import Clip
from distill.checkpoint import read_tensors, write_tensors
from distill.parallel import Team
from distill.sources import Lesson
from distill.teacher_eval import ask
from distill.teacher_train import WEIGHTS, load_teacher
from edge.errors import DataError


@dataclass
class Lessons:
    """Callable on a clip. folder: the teacher's training. labels: the student's, a part of the teacher's or all.

    Raises DataError where the teacher does not know one of them.
    """

    folder: Path
    labels: tuple[str, ...]
    cache: Path
    team: Team = field(default_factory=Team)

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
