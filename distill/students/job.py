"""A student's `distill pretrain`, `train` and `folds`; what they leave in their folder.

DIR/pretrained.safetensors, or DIR/student.safetensors, DIR/gate.safetensors and the float bundle DIR/bundle; where the
recipe has `quantisation`, DIR/quantised.safetensors, too, and the bundle's student brings its quantisers along.
"""

from __future__ import annotations

import sys
from pathlib import Path

from calibration.learnt import LearntClips
from distill.gate_network import GateNetwork
from distill.students.bundles import write_float_bundle
from distill.students.gate_training import train_gate
from distill.students.lessons import Lessons, StudentLessons
from distill.students.network.student import StudentNetwork
from distill.students.quantisation import STAGE, load_quantised, quantisation_aware, save_quantised
from distill.students.recipe import Recipe, recipe_of
from distill.students.sources import Source, Teach, load_sources
from distill.students.training import STUDENT, fine_tune, load_weights, pretrain, save_weights
from distill.training.checkpoint import load_model, read_tensors, write_tensors
from distill.training.job import Job, read_job
from distill.training.loop import TrainingRun
from distill.training.parallel import TrainingTeam
from edge.bundles.bundle import Bundle
from edge.errors import UsageError
from edge.files import write_whole

PRETRAINED, QUANTISED = "pretrained.safetensors", "quantised.safetensors"
GATE, BUNDLE = "gate.safetensors", "bundle"


def run_student(job: Job, folder: Path, team: TrainingTeam, resume: bool = False) -> None:
    """Train as the job says. Raises EdgeError."""
    recipe = recipe_of(job.fields, job.recipe_name)
    progress, teach = _progress if team.first else None, _teach(job, recipe, team)
    sources = load_sources(recipe, job.data_root, job.cache, job.workers, progress, teach)
    if team.first and not resume:
        job.write(folder)
    learn = ("train", "gate") if recipe.quantisation is None else ("train", STAGE, "gate")
    if job.command == "pretrain":
        student = pretrain(recipe, sources, TrainingRun(folder, ("pretrain",), team, resume))
        if team.first:
            save_weights(student, folder / PRETRAINED)
    elif job.command == "train":
        run = TrainingRun(folder, learn if job.start else ("pretrain", *learn), team, resume)
        student = load_weights(recipe, job.start) if job.start else pretrain(recipe, sources, run)
        _finish(folder, run, student, _taught(sources, job.teacher, recipe), recipe, job)
    else:
        run = TrainingRun(folder, () if job.start else ("pretrain",), team, resume)
        pretrained = None if job.start else pretrain(recipe, sources, run)
        for number, actors in enumerate(recipe.folds.actors):
            fold = folder / str(number)
            if not (resume and (fold / BUNDLE).exists()):
                teacher = None if job.teacher is None else job.teacher / str(number)
                chosen = _taught([source.without(actors) for source in sources], teacher, recipe)
                student = pretrained or load_weights(recipe, _weights_of(job.start, number))
                _finish(fold, TrainingRun(fold, learn, team, resume), student, chosen, recipe, job)
            held_out = sources[recipe.folds.source]
            names = [name for name, actor in zip(held_out.names, held_out.actors, strict=True) if actor in actors]
            if team.first:
                write_whole(fold / "clips.txt", "".join(f"{name}\n" for name in names))


def export_student(job: Job, folder: Path, target: Path) -> None:
    """The float bundle of a finished run, written anew. Raises UsageError where the run is not finished."""
    recipe = recipe_of(job.fields, job.recipe_name)
    if not (folder / GATE).exists():
        raise UsageError(f"{folder}: this training is not finished; `distill resume {folder}` finishes it")
    student = (
        load_weights(recipe, folder / STUDENT)
        if recipe.quantisation is None
        else load_quantised(recipe, folder / QUANTISED)
    )
    gate = GateNetwork(recipe.gate.window, len(recipe.geometry.gammas))
    load_model(gate, read_tensors(folder / GATE)[0], str(folder / GATE))
    learnt = LearntClips.of(bundle_of(folder))  # the sources need not be here any more
    write_float_bundle(target, student.eval(), gate.eval(), recipe, job.recipe_name, learnt)
    print(f"wrote {target}")


def bundle_of(folder: Path) -> Bundle:
    """The bundle of a finished run. Raises UsageError."""
    if not (folder / BUNDLE).exists():
        raise UsageError(f"{folder}: no {BUNDLE} here; `distill resume {folder}` finishes the training")
    return Bundle.load(folder / BUNDLE)


def _weights_of(start: Path | None, fold: int) -> Path:
    """What a fold begins from: the weights that are named, or its own in a folder of earlier folds."""
    assert start is not None
    return start / str(fold) / STUDENT if start.is_dir() else start


def _finish(
    folder: Path, run: TrainingRun, pretrained: StudentNetwork, sources: list[Source], recipe: Recipe, job: Job
) -> None:
    if run.is_over("train"):
        student = load_weights(recipe, folder / STUDENT).eval()
    else:
        student = fine_tune(pretrained, recipe, sources, run)
    if run.team.first:
        save_weights(student, folder / STUDENT)
    if recipe.quantisation is not None:
        student = quantisation_aware(student, recipe, sources, run)
        if run.team.first:
            save_quantised(student, folder / QUANTISED)
    if run.team.first:
        gate = train_gate(student, recipe, sources, run)
        write_tensors(folder / GATE, gate.state_dict(), {})
        learnt = LearntClips(training=frozenset(one for source in sources for one in source.fingerprints()))
        write_float_bundle(folder / BUNDLE, student, gate, recipe, job.recipe_name, learnt)
        print(f"wrote {folder / BUNDLE}")
    run.team.wait()


def _teach(job: Job, recipe: Recipe, team: TrainingTeam) -> Teach | None:
    if (recipe.distillation is None) != (job.teacher is None):
        expected = "name the teacher's training with --teacher DIR" if job.teacher is None else "leave --teacher out"
        raise UsageError(f"{job.recipe_name}: distillation is {recipe.distillation}; {expected}, or change the recipe")
    if job.teacher is None:
        return None
    teacher = read_job(job.teacher)
    if teacher.kind != "student":
        return Lessons(job.teacher, recipe.labels, job.cache, team)
    if teacher.command != job.command or recipe_of(teacher.fields, teacher.recipe_name).folds != recipe.folds:
        raise UsageError(f"--teacher {job.teacher}: expected `distill {job.command}` of a recipe with the same folds")
    return None  # it is asked fold by fold (_taught)


def _taught(sources: list[Source], teacher: Path | None, recipe: Recipe) -> list[Source]:
    """The sources with the word of a wider student, where one teaches."""
    if teacher is None or any(source.lessons for source in sources):
        return sources
    lessons = StudentLessons(teacher, recipe)
    return [source.taught(lessons) for source in sources]


def _progress(name: str, done: int, of: int) -> None:
    if done == of or done % 20 == 0:
        print(f"\r{name}: {done} of {of} clips", end="\n" if done == of else "", file=sys.stderr, flush=True)
