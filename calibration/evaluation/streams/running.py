"""The device's whole pipeline over streams: in parallel, every finished stream kept, so that a kill costs little."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

import calibration
import edge
from calibration.evaluation.streams.composing.choice import Source, Stream
from calibration.evaluation.streams.heard import Heard, Listener, Rule
from calibration.evaluation.streams.scores import HeardStream
from calibration.evaluation.streams.truth import Circumstance, Happening, Notes, Truth
from calibration.jobs.parallel import in_order
from calibration.jobs.progress import Progress
from edge.bundles.bundle import Bundle
from edge.cameras.base import Camera, CameraSource
from edge.files import write_whole
from edge.picture.frame import Frame
from edge.recognition.chain import Chain
from edge.run.pipeline import Pipeline

ARRAYS = ("times_s", "probabilities", "said", "state", "gammas")  # of what was heard


@dataclass(frozen=True)
class Record:
    """A stream that was run."""

    truth: Truth
    heard: Heard


def hear(
    bundle: Bundle,
    sources: Sequence[Source],
    *,
    threads: int = 1,
    engine: str | None = None,
    workers: int = 1,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> list[HeardStream]:
    """Run the pipeline over every stream. workers: processes of this machine; results do not depend on them.

    cache: a folder in which every finished stream is kept, by the bundle, the stream's making and the code that both
    hang on; a run that was killed goes on after the last finished one. progress: called with (streams done, all).
    """
    pairs = [(source, stream) for source in sources for stream in source.streams]
    work = partial(kept, bundle=bundle, threads=threads, engine=engine, cache=cache)
    streams = [stream for _, stream in pairs]
    found = []
    for (source, stream), record in zip(pairs, _records(work, streams, workers), strict=True):
        naming = source.naming(bundle.manifest.labels)
        found.append(HeardStream(stream.name, source.name, stream.person, record.truth, record.heard, naming))
        if progress is not None:
            progress(len(found), len(pairs))
    return found


def kept(stream: Stream, bundle: Bundle, threads: int, engine: str | None, cache: Path | None) -> Record:
    """The record of a stream: from the cache, else made and put there."""
    path = None if cache is None else cache / f"{record_key(stream, bundle, engine)}.npz"
    if path is not None:
        with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):  # not there, or not whole: made again
            return unpacked(path.read_bytes())
    record = run(stream, bundle, threads, engine)
    if path is not None:
        with suppress(OSError):  # a full disk costs what is kept, not the run
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, packed(record))
    return record


def run(stream: Stream, bundle: Bundle, threads: int = 1, engine: str | None = None) -> Record:
    """One stream through the pipeline, as fast as it goes."""
    notes, listener = Notes(), Listener()
    camera = _Playing(stream.play(notes))
    pipeline = Pipeline(bundle, [listener], make=partial(Chain, threads=threads, engine=engine))
    pipeline.run(CameraSource("stream", live=False, open=lambda: camera), threading.Event())
    return Record(notes.truth(), listener.heard(bundle.manifest))


def record_key(stream: Stream, bundle: Bundle, engine: str | None) -> str:
    """Another bundle, another making of the stream, other code: another key."""
    parts = (code_digest(), bundle.digest, engine, stream.identity)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Of all code that a record hangs on: the device's, the renderer's, and what composes streams."""
    ours = Path(calibration.__file__).parent
    folders = [Path(edge.__file__).parent, ours / "clip_sets", ours / "synthetic", ours / "evaluation" / "streams"]
    told = {"command.py", "report.py", "page.py", "scores.py", "judge.py", "matching.py", "intervals.py"}
    digest = hashlib.sha256()
    for file in sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in (".py", ".so")):
        if file.name not in told:
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def packed(record: Record) -> bytes:
    """A record as an .npz file."""
    truth, heard = record.truth, record.heard
    told = {
        "length_s": truth.length_s,
        "happenings": [(one.start_s, one.end_s, one.label, one.person) for one in truth.happenings],
        "circumstances": [(one.start_s, one.end_s, one.kind) for one in truth.circumstances],
        "damaged": truth.damaged,
        "people": sorted(truth.boxes),
        "labels": heard.labels,
        "rule": astuple(heard.rule),
        "tick_s": heard.tick_s,
    }
    arrays: dict[str, Any] = {f"boxes_{person}": boxes for person, boxes in truth.boxes.items()}
    arrays |= {name: getattr(heard, name) for name in ARRAYS}
    arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()


def unpacked(data: bytes) -> Record:
    """What `packed` gave. Raises ValueError, KeyError or BadZipFile for anything else."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        told = json.loads(stored["told"].tobytes())
        truth = Truth(
            told["length_s"],
            tuple(Happening(*one) for one in told["happenings"]),
            tuple(Circumstance(*one) for one in told["circumstances"]),
            {person: stored[f"boxes_{person}"] for person in told["people"]},
            tuple(told["damaged"]),
        )
        arrays: dict[str, Any] = {name: stored[name] for name in ARRAYS}
        heard = Heard(tuple(told["labels"]), rule=Rule(*told["rule"]), tick_s=told["tick_s"], **arrays)
    return Record(truth, heard)


def _records(work: partial[Record], streams: Iterable[Stream], workers: int) -> Iterator[Record]:
    if workers > 1:
        for _, future in in_order(work, streams, workers):
            yield future.result()
    else:
        yield from map(work, streams)


class _Playing(Camera):
    """A recording that is made while it is read."""

    live = False

    def __init__(self, frames: Iterator[Frame]) -> None:
        super().__init__("stream")
        self._frames = frames

    def read(self, timeout_s: float = 0.0) -> Frame | None:
        """See `Camera.read`."""
        return next(self._frames, None)

    def close(self) -> None:
        """Nothing is open."""
