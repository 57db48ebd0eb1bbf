"""The one chain of recognition: a bundle and a frame in, a decision out; all of its state is made and forgotten here.

What the device runs is what the evaluation, the self-test and a stream's score run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import NORMAL
from edge.engines.catalogue import Say
from edge.errors import PictureError
from edge.messages import Event
from edge.picture.frame import Frame
from edge.recognition.cadence import Cadence, CadenceCounts, Step
from edge.recognition.deciding import Deciders, TrackDecision
from edge.recognition.health import DAMAGED, PictureHealth
from edge.recognition.recogniser import Recogniser, TickResult
from edge.recognition.smoothing import Decision
from edge.timing import StageTimer


@dataclass(frozen=True)
class Tick:
    """What became of a frame of the cadence.

    fault: what is wrong with its picture (edge/recognition/health.py), None for nothing. result, decision: None where
    there is none: the picture is damaged, or the first one of a stream, in which a form with motion sees nothing yet.
    tracks: everybody's own, the most prominent first, whose decision is then the picture's; None: the form has none.
    """

    fault: str | None
    result: TickResult | None = None
    decision: Decision | None = None
    tracks: tuple[TrackDecision, ...] | None = None


def _unheard(event: Event) -> None:
    """Nobody wants to know."""


def _as_it_is(frame: Frame) -> Frame:
    return frame


class Chain:
    """Cadence, recogniser, health of the picture and decision, as a bundle wants them.

    threads, gamma, engine, average, head, say, timer: see `Recogniser`. sensitivity: one of the operating points of a
    bundle that has them. report: gets the events of the stream, `stream_gap`, `cadence_degraded` and
    `cadence_restored`. counts: of frames; go on from these. prepare: what is done to the frame of a tick first; on a
    device, nothing. Raises BundleError, ConfigError, EngineError, and UsageError for a gamma that no expert has.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int = 1,
        gamma: float | None = None,
        engine: str | None = None,
        average: bool = False,
        head: int | None = None,
        sensitivity: str = NORMAL,
        say: Say = print,
        timer: StageTimer | None = None,
        report: Callable[[Event], None] = _unheard,
        counts: CadenceCounts | None = None,
        prepare: Callable[[Frame], Frame] = _as_it_is,
    ) -> None:
        self.bundle = bundle
        manifest = bundle.manifest
        self._timer = timer or StageTimer()
        self._report, self._prepare = report, prepare
        self._cadence = Cadence(manifest.cadence, counts)
        self._recogniser = Recogniser(
            bundle,
            threads=threads,
            gamma=gamma,
            timer=self._timer,
            engine=engine,
            say=say,
            average=average,
            head=head,
        )
        self._health = PictureHealth()
        self._deciders = Deciders(manifest, sensitivity, say)

    @property
    def engine(self) -> str:
        """Name and version of what runs the student."""
        return self._recogniser.engine

    def take(self, frame: Frame) -> Tick | None:
        """The camera's next frame; None where it is none of the model's ticks.

        Raises TypeError or ValueError for what is no picture of the format that the frame names.
        """
        degraded = self._cadence.degraded
        step = self._cadence.offer(frame)
        if step is Step.SKIP:
            return None
        if step is Step.GAP:
            self._start_anew()
        if self._cadence.degraded != degraded:
            self._report_cadence()
        try:
            statistics = self._recogniser.measure(self._prepare(frame))
        except PictureError:
            self._health.pause()
            return Tick(DAMAGED)
        with self._timer.stage("health"):
            fault = self._health.check(statistics, self._recogniser.small, frame.capture_time_s)
        result = self._recogniser.answer(statistics)
        if result is None:
            return Tick(fault)
        with self._timer.stage("smoothing"):
            unfit = fault or self._recogniser.fault
            decision, tracks = self._deciders.step(result, unfit, frame.capture_time_s)
        return Tick(fault, result, decision, tracks)

    def skip(self, frame: Frame) -> None:
        """Count a frame that nobody looks at."""
        self._cadence.skip(frame)

    def pace(self, interval_ms: float) -> None:
        """Space the ticks out, or back again."""
        self._cadence.pace(interval_ms)

    def reset(self) -> None:
        """What comes next is another stream: nothing of this one is left but its counts."""
        self._cadence.reset()
        self._health.reset()
        self._forget()

    def _start_anew(self) -> None:
        """After a gap the state belongs to another scene; whether the camera hangs is not forgotten."""
        self._health.pause()
        self._forget()
        gap_ms = round(self._cadence.gap_ms, 1)
        what = f"no frame for {gap_ms:g} ms" if gap_ms > 0 else f"the frames' times went back by {-gap_ms:g} ms"
        self._report(Event("stream_gap", f"{what}: starting anew", {"gap_ms": gap_ms}))

    def _forget(self) -> None:
        self._recogniser.reset()
        self._deciders.reset()

    def _report_cadence(self) -> None:
        measured_ms = round(self._cadence.measured_interval_ms, 1)
        name = "cadence_degraded" if self._cadence.degraded else "cadence_restored"
        slow = "slower than the model's tick" if self._cadence.degraded else "fast enough again"
        self._report(Event(name, f"camera {slow}: {measured_ms:g} ms between frames", {"measured_ms": measured_ms}))
