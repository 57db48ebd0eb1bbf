"""Works less when the board is too hot or its supply too weak, before it slows down the whole robot by itself.

The student was trained for one interval between ticks and bears another one within the bundle's tolerance, no more:
what it remembers is counted in ticks. So the first level spaces the ticks out as far as the tolerance allows, and the
second one keeps that interval and saves by not looking at all: it watches for a while, long enough to answer, then
forgets everything and rests.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from edge.board.state import FLAGS, THROTTLED, UNDER_VOLTAGE, BoardState, BoardWatch
from edge.bundles.manifest import Manifest
from edge.messages import Event

SAMPLE_S = 2.0  # between two looks at the board; heat is slower
CALM_S = 60.0  # this long below a level before it is left; then the next one down
COOL_DOWN_C = 5.0  # and this much cooler than what brought it about
WATCH_WINDOWS = 2.0  # a burst, in windows of the smoothing: one to fill it, one to answer from it
RESTING = "resting"


class Level(IntEnum):
    """How much the recogniser may do."""

    FULL = 0
    SLOW = 1
    BURSTS = 2


class Governor:
    """Decides the level from what the board says, and when a burst begins and ends.

    interval_ms: between ticks, for the cadence. resting: no tick now.
    """

    def __init__(self, watch: BoardWatch, manifest: Manifest) -> None:
        self._watch = watch
        self._level = Level.FULL
        self._sampled_s: float | None = None
        self._strained_s = 0.0
        self._events: int | None = None
        self._phase_s = 0.0
        self.resting = False
        self.serve(manifest)

    def serve(self, manifest: Manifest) -> None:
        """Take another bundle's cadence; the level stays."""
        self._pace = manifest.cadence
        self.watch_s = WATCH_WINDOWS * manifest.smoothing.window_ms / 1e3
        self.rest_s = self.watch_s

    @property
    def interval_ms(self) -> float:
        return self._pace.interval_ms + (self._pace.tolerance_ms if self._level is Level.SLOW else 0.0)

    def step(self, now_s: float) -> Iterator[Event]:
        """Look at the board when it is time, and say what changes. now_s: of the monotonic clock."""
        if self._sampled_s is None or now_s - self._sampled_s >= SAMPLE_S:
            self._sampled_s = now_s
            yield from self._judge(self._watch.read(), now_s)
        yield from self._turn(now_s)

    def _judge(self, state: BoardState, now_s: float) -> Iterator[Event]:
        wanted, reasons = self._wanted(state)
        if wanted >= self._level:
            self._strained_s = now_s
        if wanted > self._level:
            yield self._change(wanted, reasons, now_s)
        elif self._level is not Level.FULL and now_s - self._strained_s >= CALM_S:
            self._strained_s = now_s
            yield self._change(Level(self._level - 1), reasons, now_s)

    def _wanted(self, state: BoardState) -> tuple[Level, list[str]]:
        """The level that this state asks for by itself, and why."""
        wanted: list[tuple[Level, str]] = []
        for bit, name in FLAGS.items():
            if state.flags & bit:
                wanted.append((Level.BURSTS if bit in (UNDER_VOLTAGE, THROTTLED) else Level.SLOW, name))
        if state.undervoltage and not state.flags & UNDER_VOLTAGE:
            wanted.append((Level.BURSTS, FLAGS[UNDER_VOLTAGE]))
        if self._events is not None and state.events > self._events:
            wanted.append((Level.BURSTS, "over-current"))
        self._events = state.events
        wanted += [(Level.SLOW, f"{name} slows the processor down") for name in state.cooling]
        wanted += self._heat(state)
        level = max((level for level, _ in wanted), default=Level.FULL)
        return level, [reason for _, reason in sorted(wanted, key=lambda item: -item[0])]

    def _heat(self, state: BoardState) -> Iterator[tuple[Level, str]]:
        for zone in self._watch.zones:
            now_c = state.temperatures_c.get(zone.name)
            for level, limit_c in ((Level.BURSTS, zone.rest_c), (Level.SLOW, zone.slow_c)):
                if now_c is not None and limit_c is not None:
                    bound_c = limit_c - COOL_DOWN_C if self._level >= level else limit_c
                    if now_c >= bound_c:
                        yield level, f"{zone.name} {now_c:.0f} degrees"
                        break

    def _change(self, level: Level, reasons: list[str], now_s: float) -> Event:
        self._level, self._phase_s, self.resting = level, now_s, False
        details: dict[str, object] = {"level": level.name.lower(), "reasons": reasons, "tick_ms": self.interval_ms}
        if level is Level.FULL:
            return Event("unthrottled", "the board has recovered: every tick again", details)
        how = f"a tick every {self.interval_ms:.0f} ms"
        if level is Level.BURSTS:
            details |= {"watch_s": self.watch_s, "rest_s": self.rest_s}
            how += f", {self.watch_s:g} s of watching, {self.rest_s:g} s of rest"
        return Event("throttled", f"working less ({', '.join(reasons) or 'recovering'}): {how}", details)

    def _turn(self, now_s: float) -> Iterator[Event]:
        """From watching to rest and back."""
        if self._level is not Level.BURSTS:
            return
        if now_s - self._phase_s >= (self.rest_s if self.resting else self.watch_s):
            self._phase_s, self.resting = now_s, not self.resting
            if self.resting:
                yield Event(
                    RESTING, f"resting for {self.rest_s:g} s: the last answer ends here", {"rest_s": self.rest_s}
                )
