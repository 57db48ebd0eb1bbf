"""Teachers: the networks of the seed papers, full size, that a student may learn from.

networks/                    the networks
recipe, clips                what decides a teacher, in YAML; clips as it sees them
training, enhancer_training  `distill train` for teachers, and for Zero-DCE
evaluation                   a teacher on a set of clips

Each takes a clip in levels, float32 [B,3,T,H,W] RGB 0..255, and gives a TeacherOutput (networks/base.py).
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from distill.teachers.networks.base import Stage, Teacher, TeacherOutput
from edge.errors import ConfigError

__all__ = ["TEACHERS", "Stage", "Teacher", "TeacherOutput", "build_teacher"]

# Imported when asked for: a session that needs one teacher does not load them all.
TEACHERS = {
    "dgam": ("distill.teachers.networks.dgam", "Dgam"),
    "video_swin": ("distill.teachers.networks.video_swin", "VideoSwinClassifier"),
    "rbert": ("distill.teachers.networks.rbert", "RBert"),
    "actlumos": ("distill.teachers.networks.actlumos", "ActLumosTeacher"),
    "actlumos_student": ("distill.teachers.networks.actlumos", "ActLumosStudent"),
}


def build_teacher(name: str, classes: int, **options: Any) -> Teacher:
    """A teacher with random weights. options: keyword arguments of its class. Raises ConfigError."""
    if name not in TEACHERS:
        raise ConfigError(f"teacher: expected one of {', '.join(TEACHERS)}, found {name!r}")
    module, attribute = TEACHERS[name]
    teacher_class = getattr(importlib.import_module(module), attribute)
    known = list(inspect.signature(teacher_class).parameters)[1:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f"teacher {name}: options: expected some of {', '.join(known)}, found {', '.join(unknown)}")
    teacher: Teacher = teacher_class(classes, **options)
    return teacher
