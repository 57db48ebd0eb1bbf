"""One session of the student, a stream of states for each track: they take turns in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from edge.engines.base import StudentSession

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
States = Sequence[npt.NDArray[np.generic]]


class TrackStreams:
    """Steps of a student by track. Who comes alone costs nothing more: only a change of track copies states."""

    def __init__(self, student: StudentSession) -> None:
        self._student = student
        self._kept: dict[int, States] = {}
        self._inside = 0  # whose states the session holds; 0: nobody's

    def reset(self) -> None:
        """Forget every track."""
        self._kept.clear()
        self._inside = 0

    def keep(self, identities: Iterable[int]) -> None:
        """Forget all tracks but these."""
        known = set(identities)
        self._kept = {identity: states for identity, states in self._kept.items() if identity in known}
        if self._inside not in known:
            self._inside = 0

    def step(self, identity: int, x: U8) -> F32:
        """The track's next tick (see `StudentSession.step`); a new track begins with the start values."""
        if identity != self._inside:
            if self._inside:
                self._kept[self._inside] = self._student.kept()
            self._student.resume(self._kept.pop(identity, None))
            self._inside = identity
        return self._student.step(x)
