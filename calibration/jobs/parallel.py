"""Work spread over processes, results in order, a bounded number of them waiting: a data set streams through.

The standard pools lose everything in flight when one process dies, and can hang; a decoder that meets a damaged video
may well die. Here every process has one item at a time, so a death costs that item.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

import cv2

from edge.errors import EdgeError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 4  # items per worker that are begun or done before they are asked for: enough to keep all busy


class WorkerError(EdgeError, RuntimeError):
    """The process that worked on an item died: a decoder that crashed, or no memory."""


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, Future[R]]]:
    """Every item with its finished future, in the items' order; the caller's pace is the limit.

    work: a module-level function or a partial of one. A future holds what `work` raised, or a WorkerError where the
    item kills its process; the others are done all the same.
    """
    source = iter(items)
    waiting: deque[tuple[T, Future[R]]] = deque()
    crew = _Crew(work, workers)
    try:
        while True:
            while crew.idle and len(waiting) < AHEAD * workers:
                for item in source:
                    waiting.append((item, crew.begin(item)))
                    break
                else:
                    crew.idle.clear()  # nothing left to give
            if not waiting:
                return
            if waiting[0][1].done():
                yield waiting.popleft()
            else:
                crew.collect()
    finally:
        crew.dismiss()


class _Worker:
    """A process that answers one item after the other."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        # A fresh process, not a fork: a fork of a process that has used PyTorch's threads can hang.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


class _Crew(Generic[T, R]):
    """idle: workers without an item."""

    def __init__(self, work: Callable[[T], R], workers: int) -> None:
        self._work = work
        self._all = [_Worker(work) for _ in range(workers)]
        self._busy: dict[Connection, tuple[_Worker, T, Future[R]]] = {}
        self.idle = list(self._all)

    def begin(self, item: T) -> Future[R]:
        worker, future = self.idle.pop(), Future[R]()
        try:
            worker.pipe.send(item)
        except BrokenPipeError:  # died while it had nothing to do
            worker = self._replaced(worker)
            worker.pipe.send(item)
        self._busy[worker.pipe] = worker, item, future
        return future

    def collect(self) -> None:
        """Wait for an answer or more, and settle their futures."""
        for pipe in wait(list(self._busy)):
            assert isinstance(pipe, Connection)
            worker, item, future = self._busy.pop(pipe)
            try:
                result, error = pipe.recv()
            except (EOFError, ConnectionResetError):
                worker = self._replaced(worker)
                result, error = None, WorkerError(f"{item}: its process died, in the decoder or without memory")
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
            self.idle.append(worker)

    def dismiss(self) -> None:
        for worker in self._all:
            worker.stop()

    def _replaced(self, worker: _Worker) -> _Worker:
        worker.stop()
        self._all.remove(worker)
        self._all.append(_Worker(self._work))
        return self._all[-1]


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    """What a worker process runs until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which stops its workers
    cv2.setNumThreads(1)  # one process, one core: OpenCV's own threads would fight over them
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        try:
            answer: tuple[Any, Exception | None] = work(item), None
        except Exception as error:
            answer = None, error
        pipe.send(answer)
