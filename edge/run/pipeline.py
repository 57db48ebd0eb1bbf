"""The way of a frame: camera, cadence, recogniser, smoothing, outputs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from edge import __version__
from edge.board.governor import Governor
from edge.board.state import BoardWatch
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.cameras.base import CameraSource
from edge.cameras.holding.held import HeldCamera
from edge.errors import PictureError
from edge.messages import Event, Prediction
from edge.outputs import Output, OutputClosedError
from edge.outputs.summary import RunRecord, Summary
from edge.picture.frame import Frame
from edge.recognition.cadence import Cadence, CadenceCounts, Step
from edge.recognition.health import DAMAGED, PictureHealth, PictureWatch
from edge.recognition.recogniser import Recogniser, TickResult
from edge.recognition.smoothing import Decision, Smoother
from edge.run.renewal import Renewal, rolled_back
from edge.timing import StageTimer


class Pipeline:
    """Everything between a camera and the outputs.

    threads: of the engine. gamma: fixes it, None lets the gate choose. engine, average: see `Recogniser`. renew: where
    to find the bundle that `renewal` asks for. watch: of the board; with it, heat and a weak supply lower the rate of
    ticks. Raises BundleError, UsageError (gamma).
    """

    def __init__(
        self,
        bundle: Bundle,
        outputs: Sequence[Output],
        *,
        threads: int = 1,
        gamma: float | None = None,
        engine: str | None = None,
        average: bool = False,
        renew: Callable[[], Path] = default_bundle_path,
        watch: BoardWatch | None = None,
    ) -> None:
        self._outputs = outputs
        self._timer = StageTimer()
        make = partial(Recogniser, threads=threads, gamma=gamma, engine=engine, average=average)
        # A renewal works in a thread of its own, and the outputs belong to this one: it says nothing.
        test = partial(make, say=lambda text: None)
        self.renewal = Renewal(renew, test, partial(test, timer=self._timer))
        self._counts = CadenceCounts()
        self._governor = None if watch is None else Governor(watch, bundle.manifest)
        self._health = PictureHealth()
        self._record = RunRecord()
        self._gamma: float | None = None
        self._first_s = 0.0
        self._serve(bundle, make(bundle, timer=self._timer, say=lambda text: self.report(Event("engine", text))))

    def run(
        self,
        source: CameraSource,
        stop: threading.Event,
        *,
        max_frames: int | None = None,
        duration_s: float | None = None,
    ) -> Summary:
        """Run until the recording ends, `stop` is set, a limit is reached or the reader of an output is gone.

        Raises CameraError for a recording that cannot be read, EdgeError for an output that cannot be written.
        """
        done = _limit(self._counts, max_frames, duration_s)
        camera = HeldCamera(source, self.report, stop)
        self._pictures = PictureWatch(self.report, camera.reopen if source.live else None)
        with suppress(OutputClosedError), camera:
            self.report(self._introduction("started", source))
            for frame in camera.frames():
                self._renew(source)
                if frame is None:
                    self._wait()
                else:
                    self._take(frame, camera)
                if done():
                    break
        summary = self._record.summary(self._counts, self._timer.percentiles(), camera.drops)
        for output in self._outputs:
            output.stopped(summary)
        return summary

    def report(self, event: Event) -> None:
        """Tell every output."""
        for output in self._outputs:
            output.event(event)

    def _serve(self, bundle: Bundle, recogniser: Recogniser) -> None:
        """From now on with this bundle; nothing of another one's state is left."""
        self._bundle, self._manifest, self._recogniser = bundle, bundle.manifest, recogniser
        pace, smoothing = bundle.manifest.cadence, bundle.manifest.smoothing
        self._cadence = Cadence(pace.interval_ms, pace.tolerance_ms, pace.reset_after_ms, self._counts)
        self._smoother = Smoother(
            len(bundle.manifest.labels), smoothing.window_ms, smoothing.minimum_confidence, smoothing.warm_up_ms
        )
        self._health.reset()
        if self._governor is not None:
            self._governor.serve(bundle.manifest)

    def _renew(self, source: CameraSource) -> None:
        """Between two frames: take the bundle that was asked for, if it is ready and good."""
        renewed = self.renewal.poll()
        if renewed is None:
            return
        if renewed.error is not None:
            self.report(rolled_back(self._bundle, renewed.error, renewed.digest))
        elif renewed.bundle is not None and renewed.recogniser is not None:
            self._serve(renewed.bundle, renewed.recogniser)
            self.report(self._introduction("bundle_changed", source))

    def _take(self, frame: Frame, camera: HeldCamera) -> None:
        start_s = time.perf_counter()
        if self._counts.frames == 0:
            self._first_s = frame.capture_time_s
        if self._governor is not None and self._rests(self._governor):
            self._cadence.skip(frame)
            self._wait()
            return
        degraded = self._cadence.degraded
        step = self._cadence.offer(frame)
        if step is Step.SKIP:
            return
        if step is Step.GAP:
            self._start_anew()
        if self._cadence.degraded != degraded:
            self._report_cadence()
        try:
            result = self._recogniser.tick(frame)
        except PictureError:
            camera.discard()
            self._pictures.see(DAMAGED, frame.capture_time_s)
            return
        if result is None:
            return
        with self._timer.stage("smoothing"):
            decision = self._decide(result, frame.capture_time_s)
        with self._timer.stage("output"):
            self._publish(frame, result, decision, start_s)
        self._timer.add("total", (time.perf_counter() - start_s) * 1e3)
        if camera.source.live:
            self._timer.add("age", (time.monotonic() - frame.capture_time_s) * 1e3)

    def _decide(self, result: TickResult, time_s: float) -> Decision:
        reason = self._health.check(result.statistics, self._recogniser.small, time_s)
        self._pictures.see(reason, time_s)
        return self._smoother.skip(reason) if reason else self._smoother.step(result.logits, time_s)

    def _publish(self, frame: Frame, result: TickResult, decision: Decision, start_s: float) -> None:
        if self._gamma is not None and result.gamma != self._gamma:
            details = {"from": self._gamma, "to": result.gamma}
            self.report(Event("gamma_changed", f"gamma {self._gamma:g} -> {result.gamma:g}", details))
        self._gamma = result.gamma
        prediction = Prediction(
            sequence=frame.sequence,
            capture_time_s=frame.capture_time_s,
            stream_time_s=frame.capture_time_s - self._first_s,
            label=None if decision.index is None else self._manifest.labels[decision.index],
            reason=decision.reason,
            confidence=decision.confidence,
            probabilities=dict(zip(self._manifest.labels, decision.probabilities.tolist(), strict=True)),
            gamma=result.gamma,
            mean=result.statistics.mean,
            latency_ms=(time.perf_counter() - start_s) * 1e3,
        )
        self._record.add(prediction)
        for output in self._outputs:
            output.prediction(prediction)

    def _introduction(self, event: str, source: CameraSource) -> Event:
        """What runs now, for `started` and `bundle_changed`."""
        manifest = self._manifest
        details = {
            "version": __version__,
            "camera": source.name,
            "bundle": manifest.name,
            "digest": self._bundle.digest,
            "precision": manifest.precision,
            "engine": self._recogniser.engine,
            "labels": list(manifest.labels),
            "gammas": list(manifest.gate.gammas),
            "interval_ms": manifest.cadence.interval_ms,
        }
        labels = ", ".join(manifest.labels)
        return Event(event, f"{manifest.name} ({manifest.precision}) on {source.name}: {labels}", details)

    def _rests(self, governor: Governor) -> bool:
        """Ask the board; True where nothing shall be recognised now."""
        for event in governor.step(time.monotonic()):
            self.report(event)
            if governor.resting:  # what comes after the rest is another scene, and no gap
                self._forget()
                self._cadence.reset()
        self._cadence.pace(governor.interval_ms)
        return governor.resting

    def _wait(self) -> None:
        for output in self._outputs:
            output.waiting()

    def _start_anew(self) -> None:
        """After a gap the state belongs to another scene."""
        self._forget()
        gap_ms = round(self._cadence.gap_ms, 1)
        what = f"no frame for {gap_ms:g} ms" if gap_ms > 0 else f"the camera's clock went back by {-gap_ms:g} ms"
        self.report(Event("stream_gap", f"{what}: starting anew", {"gap_ms": gap_ms}))

    def _forget(self) -> None:
        self._recogniser.reset()
        self._smoother.reset()

    def _report_cadence(self) -> None:
        measured_ms = round(self._cadence.measured_interval_ms, 1)
        name = "cadence_degraded" if self._cadence.degraded else "cadence_restored"
        slow = "slower than the model's tick" if self._cadence.degraded else "fast enough again"
        self.report(Event(name, f"camera {slow}: {measured_ms:g} ms between frames", {"measured_ms": measured_ms}))


def _limit(counts: CadenceCounts, max_frames: int | None, duration_s: float | None) -> Callable[[], bool]:
    end_s = None if duration_s is None else time.monotonic() + duration_s

    def reached() -> bool:
        full = max_frames is not None and counts.frames >= max_frames
        return full or (end_s is not None and time.monotonic() >= end_s)

    return reached
