"""distill: train students and teachers.

distill init folder:CLIPS --out RECIPE       a recipe for clips of your own (docs/own-actions.md)
distill train RECIPE --out DIR [--start F]   a student (to DIR/bundle, float), a teacher or an enhancer
distill pretrain RECIPE --out DIR            a student's first part alone: DIR/pretrained.safetensors
distill folds RECIPE --out DIR [--start F]   a student without some actors, fold by fold: DIR/0/bundle, DIR/0/clips.txt
distill resume DIR                           go on after a kill, bit for bit
distill eval DIR --set NAME                  top-1 and top-5 by the recipe's test protocol
distill export DIR --out BUNDLE              a finished student's float bundle

Without --start, train and folds pre-train first; --start takes weights, a bundle, or the folder of a training.
`torchrun --nproc-per-node N -m distill.cli ...` uses N processes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.command import run_command
from edge.errors import EXIT_STOPPED, UsageError
from edge.files import check_can_make
from edge.paths import user_path
from edge.shipped import install_extra
from edge.streams import called, holding_streams

if TYPE_CHECKING:
    from distill.training.job import Job
    from distill.training.parallel import TrainingTeam

TRAINING = {
    "pretrain": "learn from the sources marked `pretrain`",
    "train": "train what the recipe describes",
    "folds": "train a student once per fold, actors left out",
}


START_HELP = {
    "train": "a bundle, or weights that `distill pretrain` or `train` wrote; for a teacher also published ones (.pth)",
    "folds": "a bundle or weights, or a folder of earlier folds: each goes on from its own",
}
PROTOCOLS = ("ellar-table3", "ellar-table4", "ellar-table5", "arid", "arid15", "dark48")


@holding_streams("distill")
def main(arguments: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit code."""
    options = _parser().parse_args(arguments)
    stopped = "stopped; `distill resume DIR` goes on from the last checkpoint"
    return run_command("distill", lambda: _run(options), stopped)


def _run(options: argparse.Namespace) -> int:
    if options.command == "init":
        return _init(options)
    try:
        import torch
    except ImportError:
        raise UsageError(f"needs PyTorch; install it with: {install_extra('distill')}") from None
    torch.set_num_threads(options.workers)
    from distill.training.job import Job, read_document, read_job
    from distill.training.parallel import training_team

    if options.command in (*TRAINING, "export"):
        check_can_make(options.out, "what this command makes")
    with training_team(options.device) as processes:
        if options.command in TRAINING:
            job = Job(
                command=options.command,
                recipe_name=options.recipe.name,
                cache=options.cache,
                document=read_document(options.recipe, tuple(options.changes)),
                data_root=options.data_root,
                start=getattr(options, "start", None),
                teacher=options.teacher,
                workers=options.workers,
                device=options.device,
            )
            _train(job, options.out, processes, resume=False)
        elif options.command == "resume":
            _train(read_job(options.run), options.run, processes, resume=True)
        elif options.command == "eval":
            _evaluate(options, processes)
        else:
            _export(options)
    return EXIT_STOPPED


def _init(options: argparse.Namespace) -> int:
    from distill.new_recipe import write_new_recipe

    lines = write_new_recipe(options.set, options.out, options.data_root, options.licence)
    print("\n".join(lines))
    return EXIT_STOPPED


def _train(job: Job, folder: Path, processes: TrainingTeam, resume: bool) -> None:
    for option, path in (("--start", job.start), ("--teacher", job.teacher)):
        if path is not None and not path.exists():  # before any clip is opened
            raise UsageError(f"{option} {path}: there is nothing of this name")
    if job.kind == "student":
        from distill.students.job import run_student

        run_student(job, folder, processes, resume)
        return
    if job.command != "train":
        raise UsageError(f"distill {job.command} is for students; {job.recipe_name} describes a {job.kind}: use train")
    if job.kind == "teacher":
        from distill.teachers.training import run_teacher

        run_teacher(job, folder, processes, resume)
    else:
        from distill.teachers.enhancer_training import run_enhancer

        run_enhancer(job, folder, processes, resume)


def _evaluate(options: argparse.Namespace, processes: TrainingTeam) -> None:
    from calibration.evaluation.evaluate import evaluate
    from calibration.jobs.progress import show_progress
    from calibration.sets import open_set
    from distill.scores import record, tell
    from distill.training.job import read_job

    job = read_job(options.run)
    clips = open_set(options.set, options.data_root or job.data_root, options.limit, options.seed)
    if job.kind == "teacher":
        from distill.teachers.evaluation import evaluate_teacher

        evaluation = evaluate_teacher(job, options.run, clips, processes)
    elif job.kind == "student":
        from distill.students.job import bundle_of

        progress = show_progress("evaluating") if processes.first else None
        [evaluation] = evaluate([bundle_of(options.run)], clips, threads=options.workers, progress=progress)
    else:
        raise UsageError(f"{options.run}: an enhancer decides nothing; evaluate a teacher that uses it")
    if processes.first:
        print(tell(evaluation, options.protocol))
        record(options.run, evaluation)


def _export(options: argparse.Namespace) -> None:
    from distill.students.job import export_student
    from distill.training.job import read_job

    job = read_job(options.run)
    if job.kind != "student" or job.command != "train":
        raise UsageError(f"{options.run}: only what `distill train` made of a student's recipe becomes a bundle")
    export_student(job, options.run, options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=called("distill"), description="Train students and teachers for the dark.")
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("init", help="write a recipe for clips of your own")
    begin.add_argument("set", help="the clips by name, such as folder:CLIPS; `calibration list` shows all")
    begin.add_argument("--out", type=user_path, required=True, metavar="YAML", help="the recipe; it must not exist yet")
    begin.add_argument("--data-root", type=user_path, help="where downloaded data sets lie")
    begin.add_argument("--licence", default="own recordings", help="of the clips, for the bundle (%(default)s)")
    for name, what in TRAINING.items():
        _training_options(commands.add_parser(name, help=what, description=what), name)
    resume = commands.add_parser("resume", help="go on after a kill, bit for bit")
    resume.add_argument("run", type=user_path, metavar="DIR", help="the folder of the training")
    evaluation = commands.add_parser("eval", help="top-1 and top-5 by the recipe's test protocol")
    evaluation.add_argument("run", type=user_path, metavar="DIR", help="the folder of a training")
    evaluation.add_argument("--set", required=True, help="a data set by name: `calibration list` shows them")
    evaluation.add_argument("--data-root", type=user_path, help="where data sets lie (default: the training's)")
    evaluation.add_argument("--protocol", choices=PROTOCOLS, help="a table of the papers")
    evaluation.add_argument("--limit", type=int, help="at most so many clips, spread over classes, cameras and lights")
    evaluation.add_argument("--seed", type=int, default=0, help="of the choice that --limit makes (%(default)s)")
    export = commands.add_parser("export", help="a finished student's float bundle")
    export.add_argument("run", type=user_path, metavar="DIR", help="the folder of the training")
    export.add_argument("--out", type=user_path, required=True, help="directory of the bundle")
    for command in (resume, evaluation, export):
        _machine_options(command)
    return parser


def _training_options(command: argparse.ArgumentParser, name: str) -> None:
    command.add_argument("recipe", type=user_path, help="a YAML file, such as distill/recipes/students/student.yaml")
    command.add_argument("--out", type=user_path, required=True, help="directory for checkpoints, metrics and results")
    command.add_argument("--data-root", type=user_path, help="directory of the data sets that the recipe names")
    command.add_argument("--cache", type=user_path, default=Path(".cache/tensors"), help="prepared clips (%(default)s)")
    command.add_argument(
        "--teacher", type=user_path, metavar="DIR", help="a teacher's training, for a recipe that distils"
    )
    if name != "pretrain":
        command.add_argument("--start", type=user_path, help=START_HELP[name])
    command.add_argument(
        "--with", dest="changes", action="append", default=[], metavar="KEY=VALUE", help="change the recipe: a.b=1"
    )
    _machine_options(command)


def _machine_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes and threads")
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: %(default)s)")


if __name__ == "__main__":
    sys.exit(main())
