"""A student's `distill pretrain`, `train` and `folds`; what they leave in their folder.

DIR/pretrained.safetensors, or DIR/student.safetensors, DIR/gate.safetensors, the float bundle DIR/bundle and beside it
DIR/MODEL-CARD.md; where the recipe has `quantisation`, DIR/quantised.safetensors, too, and the bundle's student brings
its quantisers along.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from calibration.jobs.progress import show_progress
from calibration.learnt import LearntClips
from calibration.sets import public_name
from distill.gate_network import GateNetwork
from distill.students.bundles import write_float_bundle
from distill.students.folds import Fold, folds_of, nobody_is_known
from distill.students.lessons import Lessons, StudentLessons
from distill.students.model_card import MODEL_CARD, material, write_model_card
from distill.students.recipe import PRODUCT, Recipe, recipe_of
from distill.students.sources import Source, Teach, data_of, fingerprints, load_sources
from distill.students.stages.gate_training import train_gate
from distill.students.stages.quantisation import STAGE, load_quantised, quantisation_aware, save_quantised
from distill.students.stages.training import fine_tune, pretrain, settled
from distill.students.starts import STUDENT, Start, inherited, load_start, load_weights, save_start
from distill.training.checkpoint import load_model, read_tensors, write_tensors
from distill.training.job import Job, read_job
from distill.training.loop import TrainingRun
from distill.training.parallel import TrainingTeam
from edge.bundles.bundle import Bundle
from edge.errors import DataError, UsageError
from edge.files import write_whole

PRETRAINED, QUANTISED = "pretrained.safetensors", "quantised.safetensors"
GATE, BUNDLE = "gate.safetensors", "bundle"


def run_student(job: Job, folder: Path, team: TrainingTeam, resume: bool = False) -> None:
    """Train as the job says. Raises EdgeError."""
    recipe = recipe_of(job.fields, job.recipe_name)
    start = None if job.start is None else _start(recipe, job.start, 0)  # a wrong one is told of before data is opened
    show = show_progress if team.first else None
    sources = load_sources(recipe, job.data_root, job.cache, job.workers, show, _teach(job, recipe, team))
    if team.first and not resume:
        job.write(folder)
    learn = ("train", "gate") if recipe.quantisation is None else ("train", STAGE, "gate")
    if job.command == "pretrain":
        begun = _pretrained(recipe, sources, TrainingRun(folder, ("pretrain",), team, resume))
        if team.first:
            save_start(begun.student, folder / PRETRAINED, recipe, begun.learnt)
    elif job.command == "train":
        run = TrainingRun(folder, learn if start else ("pretrain", *learn), team, resume)
        begun = _settled(start, recipe, sources) if start else _pretrained(recipe, sources, run)
        _finish(folder, run, begun, _taught(sources, job.teacher, recipe), recipe, job)
    else:
        _folds(job, recipe, sources, folder, TrainingRun(folder, () if start else ("pretrain",), team, resume), learn)


def _folds(
    job: Job, recipe: Recipe, sources: list[Source], folder: Path, run: TrainingRun, learn: tuple[str, ...]
) -> None:
    """DIR/0, DIR/1 ...: a student each, and clips.txt, the clips that it has not seen."""
    folds, judged = folds_of(recipe.folds, sources), sources[recipe.folds.source]
    if run.team.first and not recipe.folds.actors and nobody_is_known(judged):
        print(
            f"distill: warning: no clip of {public_name(recipe.sources[recipe.folds.source].set)} tells its actor: "
            "folds leave clips out, not people, and are judged too well; a column `actor` in labels.csv tells it",
            file=sys.stderr,
        )
    pretrained = None if job.start else _pretrained(recipe, sources, run)
    for number, fold in enumerate(folds):
        place = folder / str(number)
        if not (run.resume and (place / BUNDLE).exists()):
            teacher = None if job.teacher is None else job.teacher / str(number)
            chosen = _taught(fold.sources, teacher, recipe)
            begun = pretrained or _settled(_start(recipe, job.start, number), recipe, chosen)
            _warn_of_learnt(begun, fold, run.team)
            where = f"fold {number + 1} of {len(folds)}, "
            mine = TrainingRun(place, learn, run.team, run.resume, where=where)
            _finish(place, mine, begun, chosen, recipe, job, fold.held_out)
        if run.team.first:
            write_whole(place / "clips.txt", "".join(f"{name}\n" for name in fold.held_out.names))


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
    before = bundle_of(folder)  # the sources need not be here any more
    learnt, data = LearntClips.of(before), before.manifest.provenance.data
    write_float_bundle(target, student.eval(), gate.eval(), recipe, job.recipe_name, learnt, data)
    card = target.with_name(f"{target.name}-{MODEL_CARD}")
    write_whole(card, (folder / MODEL_CARD).read_text(encoding="utf-8"))
    print(f"wrote {target} and {card}")


def bundle_of(folder: Path) -> Bundle:
    """The bundle of a finished run. Raises UsageError."""
    if not (folder / BUNDLE).exists():
        raise UsageError(f"{folder}: no {BUNDLE} here; `distill resume {folder}` finishes the training")
    return Bundle.load(folder / BUNDLE)


def _start(recipe: Recipe, path: Path | None, fold: int) -> Start:
    """What is begun from: what is named, or a fold's own in a folder of earlier folds. Raises DataError."""
    assert path is not None
    own = path / str(fold) / STUDENT
    return load_start(recipe, own if own.is_file() else path)


def _settled(start: Start, recipe: Recipe, sources: list[Source]) -> Start:
    return replace(start, student=settled(start.student, recipe, sources)) if start.folded else start


def _pretrained(recipe: Recipe, sources: list[Source], run: TrainingRun) -> Start:
    seen = [source for source in sources if source.pretrain] if recipe.schedule.pretrain_steps else []
    return Start(pretrain(recipe, sources, run), inherited(None, fingerprints(seen)))


def _warn_of_learnt(begun: Start, fold: Fold, team: TrainingTeam) -> None:
    learnt = fold.held_out.known_to(begun.learnt.training)
    if learnt and team.first:
        print(
            f"distill: warning: {learnt} of the {len(fold.held_out.names)} clips that this fold leaves out are clips "
            "that its beginning has learnt from: they are no test of it, and `edge-folds` will refuse them",
            file=sys.stderr,
        )


def _finish(
    folder: Path,
    run: TrainingRun,
    begun: Start,
    sources: list[Source],
    recipe: Recipe,
    job: Job,
    held_out: Source | None = None,
) -> None:
    learnt = inherited(begun, fingerprints(sources))
    if run.is_over("train"):
        student = load_weights(recipe, folder / STUDENT).eval()
    else:
        student = fine_tune(begun.student, recipe, sources, run, held_out)
    if run.team.first:
        save_start(student, folder / STUDENT, recipe, learnt)
    if recipe.quantisation is not None:
        student = quantisation_aware(student, recipe, sources, run)
        if run.team.first:
            save_quantised(student, folder / QUANTISED)
    if run.team.first:
        gate = train_gate(student, recipe, sources, run)
        write_tensors(folder / GATE, gate.state_dict(), {})
        data = data_of(recipe, sources)
        write_float_bundle(folder / BUNDLE, student, gate, recipe, job.recipe_name, learnt, data)
        print(f"wrote {folder / BUNDLE}")
        write_model_card(folder / MODEL_CARD, Bundle.load(folder / BUNDLE), material(job, recipe, sources, held_out))
        print(f"wrote {folder / MODEL_CARD}")
    run.team.wait()


def _teach(job: Job, recipe: Recipe, team: TrainingTeam) -> Teach | None:
    if (recipe.distillation is None) != (job.teacher is None):
        expected = "name the teacher's training with --teacher DIR" if job.teacher is None else "leave --teacher out"
        raise UsageError(f"{job.recipe_name}: distillation is {recipe.distillation}; {expected}, or change the recipe")
    if job.teacher is None:
        return None
    teacher = read_job(job.teacher)
    if recipe.licences == PRODUCT and teacher.fields.get("licences") != PRODUCT:
        raise DataError(
            f"--teacher {job.teacher}: {job.recipe_name} says `licences: {PRODUCT}`, its teacher's recipe does not; "
            f"train a teacher by a recipe that does, or learn without one"
        )
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
