"""Work spread over processes, results in order, a bounded number of them waiting: a data set streams through."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from edge.errors import EdgeError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 4  # items in flight per worker: enough to keep all busy, few enough to hold in memory


class WorkerError(EdgeError, RuntimeError):
    """A worker process died: no memory, or a decoder that crashed."""


def in_order(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, Future[R]]]:
    """Every item with its finished future, in the items' order; the caller's pace is the limit.

    work: a module-level function or a partial of one. Raises WorkerError.
    """
    # Fresh processes, not forks: a fork of a process that has used PyTorch's threads can hang.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _alone)
    waiting: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) >= AHEAD * workers:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    except BrokenProcessPool as error:
        raise WorkerError(
            f"a worker process died, out of memory or in a decoder: {error}; try fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _alone() -> None:
    """One process, one core: OpenCV's own threads would fight over them."""
    cv2.setNumThreads(1)


def _finished(item: T, future: Future[R]) -> tuple[T, Future[R]]:
    if isinstance(error := future.exception(), BrokenProcessPool):
        raise error
    return item, future
