"""How far a long job is, for people."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[int, int], None]  # clips done, all of them


def show_progress(what: str) -> Progress | None:
    """A counter on stderr, for people: None where stderr is not a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        print(f"\r{what} {done}/{total} clips", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return show
