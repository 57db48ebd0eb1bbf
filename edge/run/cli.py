"""`edge-run`: recognises actions from a camera or a recording; words in a terminal, JSON Lines to programs."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.board.profile import board_profile
from edge.bundles.manifest import SENSITIVITIES
from edge.cameras import KINDS
from edge.command import run_command
from edge.engines import AUTO, NAMES
from edge.errors import EXIT_STOPPED, BundleError, UsageError
from edge.paths import user_path
from edge.printable import one_line
from edge.run.arguments import HERE, named_once, with_camera
from edge.run.config import Config, Settings, load_settings
from edge.run.stopping import on_hangup, stop_on_signals
from edge.streams import give_up_when, holding_streams, last_words

if TYPE_CHECKING:
    from edge.outputs import Output

MEMORY_BYTES = 1 << 30
EPILOG = """exit codes: 0 stopped, end of the recording, or the reader of stdout left; 1 a recording, an engine, stdout
or the system failed; 2 usage; 78 wrong configuration or bundle; 128 and a signal's number: killed (a second Ctrl-C).
A live camera that is missing is waited for. The JSON lines are described in docs/output.md."""


@holding_streams("edge-run", live=True)
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = vars(_parser().parse_args(argv))
    return run_command("edge-run", lambda: _asked_for(arguments))


def _asked_for(arguments: dict[str, Any]) -> int:
    if form := arguments.pop("list_cameras"):
        return _list_cameras(form)
    print_config, prepare, test, path = map(arguments.pop, ("print_config", "prepare", "self_test", "config"))
    settings = _settings(path, named_once(arguments))
    if print_config:
        with suppress(UsageError):  # without a camera: what would be taken for one by --config
            settings = with_camera(settings, path)
        print(settings.to_yaml(), end="")
        return EXIT_STOPPED
    if prepare or test:
        return (_prepare if prepare else _self_test)(settings.config)
    settings = with_camera(settings, path)
    if (origin := settings.origins["camera"]).startswith(HERE) and not settings.config.quiet:
        print(f"{settings.config.camera}: {origin}", file=sys.stderr)
    return _run(settings.config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "edge-run", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("what", metavar="CAMERA", nargs="?", help="the same as --camera: edge-run clip.mp4")
    add("--camera", metavar="C", help=f"{KINDS} (default: the camera that is here; of a --config without one: demo)")
    add("--bundle", metavar="B", help="the model: a directory or .tar (default: the one in the package)")
    add("--store", metavar="DIR", help="of `edge-service update`: its current bundle, where --bundle names none")
    add("--config", metavar="YAML", type=user_path, help="a file with these options; the command line wins over it")
    add("--board", metavar="NAME", help="a board profile (default: auto, detected)")
    add(
        "--engine", metavar="E", help=f"{', '.join(NAMES)}, or {AUTO}: measure once and remember (default: the board's)"
    )
    add("--threads", metavar="N", type=int, help="threads of the engine (default: the board's)")
    add("--gamma", metavar="G", type=float, help="fix the gamma (default: the gate chooses)")
    add("--average", action="store_true", default=None, help="every expert answers, at so many times the work")
    add(
        "--sensitivity",
        metavar="S",
        help=f"of the decision: {', '.join(SENSITIVITIES)} (default: normal; docs/output.md)",
    )
    # None, not False: an option that was not given must not win over the file.
    add("--realtime", action="store_true", default=None, help="play a recording at its own pace, dropping late frames")
    add("--fps", metavar="F", type=float, help="pictures per second of a recording (default: as it tells, or 30)")
    add("--json", action="store_true", default=None, help="JSON Lines on stdout in a terminal, too")
    add("--socket", metavar="PATH", help="say the same JSON Lines on a Unix socket, to any number of readers")
    add("--quiet", action="store_true", default=None, help="nothing but errors on stderr; in a terminal, labels alone")
    add("--max-frames", metavar="N", type=int, help="stop after N frames of the camera")
    add("--duration", metavar="S", type=float, help="stop after S seconds of running")
    add("--list-cameras", nargs="?", const="text", choices=("text", "json"), help="print the cameras here; do not run")
    add(
        "--self-test",
        action="store_true",
        help="recognise a part of the demo and say how long a tick takes; do not run",
    )
    add("--print-config", action="store_true", help="print the configuration and where each value is from; do not run")
    add(
        "--prepare",
        action="store_true",
        help="measure or build the engine for this bundle now, and keep it; do not run",
    )
    add("--version", action="version", version=f"edge-run {__version__}")
    return parser


def _settings(path: Path | None, options: dict[str, Any]) -> Settings:
    """The checked configuration, what the board decides filled in."""
    settings = load_settings(path, options)
    board = board_profile(settings.config.board)
    left = {key: getattr(board, key) for key in ("engine", "threads") if getattr(settings.config, key) is None}
    return Settings(
        replace(settings.config, **left), {**settings.origins, **dict.fromkeys(left, f"board {board.name}")}
    )


def _prepare(config: Config) -> int:
    """What takes long at the first start with a bundle, done now."""
    _calm_libraries()
    from edge.engines.choice import open_student
    from edge.run.renewal import start_with

    make = partial(open_student, engine=config.engine or AUTO, threads=config.threads or 1, say=_say)
    student, events = start_with(config.bundle, config.store, make)
    for event in events:
        _say(event.message)
    _say(f"ready: {student.engine}")
    return EXIT_STOPPED


def _self_test(config: Config) -> int:
    """Would this configuration work here?"""
    _calm_libraries()
    _bound_memory(config)
    from edge.bundles.store import load_bundle
    from edge.recognition.chain import Chain
    from edge.run.renewal import bundle_path
    from edge.run.self_test import self_test

    bundle = load_bundle(bundle_path(config.bundle, config.store))
    make = partial(Chain, threads=config.threads or 1, gamma=config.gamma, engine=config.engine, say=_say)
    print(f"{bundle.manifest.name}: self-test passed, a tick takes {self_test(bundle, make):.2f} ms")
    return EXIT_STOPPED


def _say(text: str) -> None:
    """A line for people about the engine."""
    print(one_line(text), file=sys.stderr, flush=True)


def _list_cameras(form: str) -> int:
    from edge.cameras.finding.listing import list_cameras, to_json, to_text

    print({"text": to_text, "json": to_json}[form](list_cameras()))
    return EXIT_STOPPED


def _run(config: Config) -> int:
    _calm_libraries()
    from edge.outputs.choice import outputs_for

    outputs = outputs_for(sys.stdout, sys.stderr, json=config.json, quiet=config.quiet, socket=config.socket)
    try:
        return _recognise(config, outputs)
    finally:
        for output in outputs:
            output.close()


def _recognise(config: Config, outputs: Sequence[Output]) -> int:
    _bound_memory(config)
    # Imported here: --help and a wrong option answer at once.
    import cv2

    from edge.board.state import BoardWatch
    from edge.cameras.source import camera_source
    from edge.recognition.chain import Chain
    from edge.run.pipeline import Pipeline
    from edge.run.renewal import bundle_path, start_with

    cv2.setNumThreads(1)  # small pictures: threads cost more than they bring, and a robot has other work
    source = camera_source(config.camera, realtime=config.realtime, fps=config.fps)
    make = partial(
        Pipeline,
        outputs=outputs,
        make=partial(
            Chain,
            threads=config.threads or 1,
            gamma=config.gamma,
            engine=config.engine,
            average=config.average,
            sensitivity=config.sensitivity,
        ),
        renew=partial(bundle_path, config.bundle, config.store),
        # A recording that is read as fast as it goes is work at a desk: its answers must not hang on the heat.
        watch=BoardWatch(board_profile(config.board)) if source.live or config.realtime else None,
    )
    pipeline, events = start_with(config.bundle, config.store, make)
    stop, failed = stop_on_signals(), dict[str, BundleError]()
    give_up_when(stop.is_set)
    while True:
        on_hangup(stop.set, pipeline.renewal.request)
        for event in events:
            pipeline.report(event)
        try:
            pipeline.run(source, stop, max_frames=config.max_frames, duration_s=config.duration)
            break
        except BundleError as error:  # it loaded, and then its model could not be run: as if it had not loaded
            if config.bundle or not config.store:
                raise
            failed[pipeline.bundle.digest] = error
            pipeline, events = start_with(config.bundle, config.store, make, failed)
    _cut_off_threads()
    return EXIT_STOPPED


def _cut_off_threads() -> None:
    """End the process here where a thread still works: a bundle is being tested, a driver or a network does not answer.

    An ordinary end would take the interpreter and the libraries away from under it, and it would crash.
    """
    # One that only watches the others' time holds no library.
    if any(thread.daemon and thread.name != "patience" for thread in threading.enumerate()):
        with suppress(OSError):
            sys.stdout.flush()
        last_words()
        os._exit(EXIT_STOPPED)


def _bound_memory(config: Config) -> None:
    """A model that asks for more than any of ours needs gets an error, not the memory of the whole board.

    What counts is memory that may be written to (setrlimit(2), RLIMIT_DATA). Not for engines of a GPU, which build.
    """
    if config.engine in (None, "onnxruntime", "openvino"):
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _calm_libraries() -> None:
    """Settings that libraries take from the environment when they are loaded; what the user set stays."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # our own error says it in one line
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    # NumPy's BLAS reserves 30 MB a thread for one small gate, and ends the program where it may not have its threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
