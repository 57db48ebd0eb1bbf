"""Which engine runs which build of the student: measured on this machine, once per bundle, and remembered."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.bundles.bundle import Bundle
from edge.engines import AUTO
from edge.engines.base import StudentSession
from edge.engines.cache import Cache, Key, default_cache
from edge.engines.catalogue import ENGINES, Say, open_with
from edge.engines.stopwatch import median_steps_ms
from edge.errors import ConfigError, EdgeError

ROUNDS, TICKS = 150, 32
WIN = 0.95  # of the default's time: a tie is no reason to load another library
ALIKE_DB = 10.0  # logits against the default's; integer kernels round differently, a broken one is far below

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EngineCandidate:
    """An engine and a build of the student, as an index of `Bundle.builds()`. step_ms: median; None: it did not run.

    note: why it did not run, or cannot be taken.
    """

    engine: str
    build: int
    step_ms: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """The candidate taken, why, and all that were measured (none where there was nothing to choose)."""

    taken: EngineCandidate
    why: str
    measured: tuple[EngineCandidate, ...] = ()


def open_student(
    bundle: Bundle, engine: str = "onnxruntime", threads: int = 1, say: Say = print, cache: Cache | None = None
) -> StudentSession:
    """The student in the engine of this name, or with `auto` in the fastest; in the fastest of the bundle's builds.

    say: gets a line on what was chosen and why, and on what takes long. Raises ConfigError, BundleError, EngineError.
    """
    choice = choose(bundle, engine, threads, say, cache or default_cache())
    build = bundle.builds()[choice.taken.build]
    return open_with(choice.taken.engine, build, threads, say)


def choose(bundle: Bundle, engine: str, threads: int, say: Say, cache: Cache) -> Choice:
    """Measure what there is to choose from, unless that was done before on this machine with the same versions."""
    candidates = _candidates(bundle, engine)
    if len(candidates) == 1:
        why = "the only one installed that reads this bundle" if engine == AUTO else "as configured"
        return Choice(candidates[0], why)
    key = _key(bundle, candidates, threads)
    kept = cache.get(key)
    if kept is not None:
        choice = _from_json(kept)
        say(f"engine: {choice.why} (measured before; remembered in {cache.path(key)})")
        return choice
    choice = _measured(bundle, candidates, threads, say)
    reason = cache.put(key, _to_json(choice))
    say(f"engine: {choice.why}; " + (f"remembered in {cache.path(key)}" if reason is None else f"not kept: {reason}"))
    return choice


def _candidates(bundle: Bundle, engine: str) -> list[EngineCandidate]:
    names = [name for name in ENGINES if ENGINES[name].version()] if engine == AUTO else [engine]
    builds = bundle.builds()
    found = [EngineCandidate(name, i) for name in names for i, build in enumerate(builds) if ENGINES[name].reads(build)]
    if not found:
        raise ConfigError(
            f"{bundle.where}: engine {engine}: reads none of its builds (target {bundle.manifest.target}); "
            f"quantize it for this board, or take another engine: {AUTO}, {', '.join(ENGINES)}"
        )
    return found


def _key(bundle: Bundle, candidates: Sequence[EngineCandidate], threads: int) -> Key:
    engines = sorted({f"{c.engine} {ENGINES[c.engine].version()}" for c in candidates})
    return Key("choice", bundle.digest, ", ".join(engines), f"{machine()}, {threads} threads")


def _measured(bundle: Bundle, candidates: Sequence[EngineCandidate], threads: int, say: Say) -> Choice:
    """All candidates step in turn, so that a busy machine is unkind to all; the default one judges the answers."""
    builds = bundle.builds()
    say(f"engine: measuring {', '.join(_name(bundle, c) for c in candidates)}, once for this bundle")
    students: dict[EngineCandidate, StudentSession] = {}
    failed: list[EngineCandidate] = []
    for candidate in candidates:
        try:
            students[candidate] = open_with(candidate.engine, builds[candidate.build], threads, say)
        except EdgeError as error:
            failed.append(dataclasses.replace(candidate, note=str(error)))
    if not students:
        raise ConfigError(f"{bundle.where}: no engine can run it: {'; '.join(c.note for c in failed)}")
    times_ms, answers = _run(list(students.values()), bundle)
    reference = answers[0]
    measured = [
        dataclasses.replace(
            c, step_ms=time_ms, note=_objection(alike_db(reference, answer)) if answer is not reference else ""
        )
        for c, time_ms, answer in zip(students, times_ms, answers, strict=True)
    ]
    return _taken(bundle, measured, failed)


def _taken(bundle: Bundle, measured: Sequence[EngineCandidate], failed: Sequence[EngineCandidate]) -> Choice:
    first = measured[0]
    assert first.step_ms is not None
    fit = [c for c in measured if not c.note]
    best = min(fit, key=lambda c: c.step_ms or 0.0)
    faster = best.step_ms is not None and best.step_ms < WIN * first.step_ms
    taken = best if faster else first
    table = ", ".join(f"{_name(bundle, c)} {c.step_ms:.3f} ms" for c in measured)
    reason = f"{first.step_ms / (taken.step_ms or 1):.2f} times as fast" if faster else "none is 5 % faster"
    objections = "".join(f"; {_name(bundle, c)}: {c.note}" for c in (*measured, *failed) if c.note)
    return Choice(taken, f"{_name(bundle, taken)}, {reason} ({table}){objections}", (*measured, *failed))


def _run(students: Sequence[StudentSession], bundle: Bundle) -> tuple[list[float], list[F64]]:
    """Median step of each, in milliseconds, and its logits over the first ticks of the same stream."""
    size = bundle.manifest.input
    x = np.random.default_rng(0).integers(96, 160, (TICKS, 1, size.height, size.width, 3), np.uint8)
    answers = [np.stack([student.step(tick) for tick in x]).astype(np.float64) for student in students]
    return median_steps_ms(students, x, ROUNDS), answers


def alike_db(reference: F64, answer: F64) -> float:
    """Signal (how the reference's logits vary) to difference, in decibels."""
    signal, difference = float(np.var(reference)), float(np.mean((reference - answer) ** 2))
    return 10 * float(np.log10(max(signal, 1e-30) / max(difference, 1e-30)))


def _objection(db: float) -> str:
    return "" if db >= ALIKE_DB else f"answers differ from the default's ({db:.0f} dB)"


def _name(bundle: Bundle, candidate: EngineCandidate) -> str:
    """`onnxruntime`, or with the build's name where there are several."""
    if not bundle.manifest.alternatives:
        return candidate.engine
    builds = ("default build", *(model.name for model in bundle.manifest.alternatives))
    return f"{candidate.engine} ({builds[candidate.build]})"


def machine() -> str:
    """The processor as it names itself, and how many cores there are."""
    names = {"model name", "Model", "CPU part"}
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    found = {value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() in names}
    return f"{platform.machine()} {', '.join(sorted(found))}, {os.cpu_count()} cores"


def _to_json(choice: Choice) -> bytes:
    return json.dumps(dataclasses.asdict(choice), indent=1).encode()


def _from_json(text: bytes) -> Choice:
    fields = json.loads(text)
    return Choice(_candidate(fields["taken"]), fields["why"], tuple(_candidate(one) for one in fields["measured"]))


def _candidate(fields: dict[str, Any]) -> EngineCandidate:
    """build was called form before 0.2; what was remembered then still holds."""
    build = fields["build"] if "build" in fields else fields["form"]
    return EngineCandidate(fields["engine"], build, fields["step_ms"], fields["note"])
