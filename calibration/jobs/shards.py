"""One job over several processes or machines: each takes its share of the clips, all get everybody's answers.

`torchrun` starts the processes and names them (RANK, WORLD_SIZE); nothing here needs PyTorch. Answers travel as JSON
files in a folder that every process sees: floats come back bit for bit.

    with shard_team(folder) as processes:                       # one process without torchrun: no files, no waiting
        mine = [work(clip) for clip in processes.share(clips)]
        everything = processes.gather(mine)               # in the order of `clips`, the same in every process
        if processes.first:
            print(everything)
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from edge.errors import EdgeError, UsageError
from edge.files import write_whole
from edge.paths import cache_folder

T = TypeVar("T")
POLL_S = 0.02


class ShardError(EdgeError, TimeoutError):
    """Another process of the team is gone, or cannot see the folder."""


@dataclass
class ShardTeam:
    """The processes of one job. rank: this one, 0 is the first. size: how many. folder: theirs alone."""

    rank: int = 0
    size: int = 1
    folder: Path | None = None
    timeout_s: float = 3600.0
    _rounds: int = field(default=0, repr=False)

    @property
    def first(self) -> bool:
        """True in the process that prints and writes for all."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's items: every size-th, so that classes and lengths spread evenly."""
        return items[self.rank :: self.size]

    def gather(self, part: Sequence[T]) -> list[T]:
        """Everybody's answers for their `share`, in the order of the whole; every process must call it.

        part: values that JSON knows, one per item of the share. Raises ShardError where another process hands in
        nothing within timeout_s.
        """
        if self.folder is None:
            return list(part)
        self._rounds += 1
        _write(self._path(self._rounds, self.rank), list(part))
        parts = [_await(self._path(self._rounds, rank), self.timeout_s) for rank in range(self.size)]
        if self._rounds > 1:  # all have handed in this round, so all have read the one before
            self._path(self._rounds - 1, self.rank).unlink()
        whole: list[Any] = [None] * sum(map(len, parts))
        for rank, answers in enumerate(parts):
            whole[rank :: self.size] = answers
        return whole

    def _path(self, number: int, rank: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{number}-{rank}.json"


@contextmanager
def shard_team(
    folder: Path | None = None, timeout_s: float = 3600.0, environment: Mapping[str, str] = os.environ
) -> Iterator[ShardTeam]:
    """The team that torchrun started, or this process alone where it did not.

    folder: seen by every process; by default one of this machine, which is enough while all run on it. timeout_s: how
    long to wait for the slowest. Raises UsageError (variables that make no sense, several machines without a folder),
    ShardError (the others do not come).
    """
    rank, size = _number(environment, "RANK", 0), _number(environment, "WORLD_SIZE", 1)
    if not 0 <= rank < size:
        raise UsageError(f"RANK={rank} and WORLD_SIZE={size}: expected 0 <= RANK < WORLD_SIZE; start it with torchrun")
    if size == 1:
        yield ShardTeam()
        return
    if folder is None:
        if _number(environment, "LOCAL_WORLD_SIZE", size) != size:
            raise UsageError("processes on several machines need a folder that all of them see; name it")
        kept = cache_folder()
        if kept is None:
            raise UsageError("processes need a folder that all of them see, and this user has no home; name it")
        folder = kept / "shards"
    # Two jobs at the same time have different ports: torchrun listens on it.
    meeting = folder / f"{environment.get('MASTER_ADDR', 'here')}-{environment.get('MASTER_PORT', '0')}"
    meeting.mkdir(parents=True, exist_ok=True)
    ours = _meet(meeting, rank, size, timeout_s)
    yield ShardTeam(rank, size, ours, timeout_s)
    _write(ours / f"left-{rank}", rank)
    if rank == 0:
        for other in range(size):
            _await(ours / f"left-{other}", timeout_s)
        shutil.rmtree(ours)


def _meet(meeting: Path, rank: int, size: int, timeout_s: float) -> Path:
    """Agree on a new folder, whatever an earlier job that was killed has left behind.

    Everyone leaves a word made for this run; the first answers with all words and the new folder's name. Who finds his
    own word in the answer knows that it is of this run, and says so in the new folder.
    """
    word = uuid.uuid4().hex
    if rank:
        _write(meeting / f"word-{rank}", word)
        answer = _await(meeting / "answer", timeout_s, lambda found: word in found["words"])
        ours = meeting / str(answer["folder"])
        _write(ours / f"came-{rank}", rank)
        return ours
    for left_behind in [path for path in meeting.iterdir() if path.is_dir()]:
        shutil.rmtree(left_behind)
    ours = meeting / word
    ours.mkdir()
    deadline = time.monotonic() + timeout_s
    while not all((ours / f"came-{other}").exists() for other in range(1, size)):
        words = [json.loads(path.read_text(encoding="utf-8")) for path in meeting.glob("word-*[0-9]")]
        _write(meeting / "answer", {"words": words, "folder": word})
        _rest(deadline, ours)
    return ours


def _await(path: Path, timeout_s: float, good: Callable[[Any], bool] = lambda _: True) -> Any:
    """What another process wrote, once it is there and good. Raises ShardError."""
    deadline = time.monotonic() + timeout_s
    while True:
        with suppress(FileNotFoundError):
            found = json.loads(path.read_text(encoding="utf-8"))
            if good(found):
                return found
        _rest(deadline, path)


def _rest(deadline: float, path: Path) -> None:
    if time.monotonic() > deadline:
        raise ShardError(f"{path}: waited for another process in vain; it died, or does not see this folder")
    time.sleep(POLL_S)


def _write(path: Path, value: object) -> None:
    """Written aside and renamed: nobody reads half a file."""
    write_whole(path, json.dumps(value))


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(f"{name}={text!r}: expected a whole number; torchrun sets it") from error
