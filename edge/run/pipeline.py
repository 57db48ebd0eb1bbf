"""The way of a frame: camera, board, chain, outputs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from edge import __version__
from edge.board.governor import Governor
from edge.board.state import BoardWatch
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.cameras.base import CameraSource
from edge.cameras.holding.held import HeldCamera
from edge.messages import Event, Prediction, TrackPrediction
from edge.outputs import Output, OutputClosedError
from edge.outputs.summary import RunRecord, Summary
from edge.picture.frame import Frame
from edge.recognition.cadence import CadenceCounts
from edge.recognition.chain import Chain, Tick
from edge.recognition.deciding import TrackDecision
from edge.recognition.health import DAMAGED, PictureWatch
from edge.recognition.recogniser import TickResult
from edge.recognition.smoothing import Decision
from edge.run.actions import INTERRUPTIONS, Actions
from edge.run.renewal import Renewal, rolled_back
from edge.run.stopping import WithinTime
from edge.timing import StageTimer


class Pipeline:
    """Everything between a camera and the outputs.

    make: `Chain`, with the options that stay when the bundle is exchanged. renew: where to find the bundle that
    `renewal` asks for. watch: of the board; with it, heat and a weak supply lower the rate of ticks. Raises what `make`
    raises.
    """

    def __init__(
        self,
        bundle: Bundle,
        outputs: Sequence[Output],
        *,
        make: Callable[..., Chain] = Chain,
        renew: Callable[[], Path] = default_bundle_path,
        watch: BoardWatch | None = None,
    ) -> None:
        self._outputs = outputs
        self._timer = StageTimer()
        self._counts = CadenceCounts()
        self._governor = None if watch is None else Governor(watch, bundle.manifest)
        self._record = RunRecord()
        self._actions = Actions()
        self._seen_by: tuple[float, str] | None = None
        self._first_s = 0.0
        make_here = partial(make, timer=self._timer, counts=self._counts, report=self.report)
        # A renewal works in a thread of its own, and the outputs belong to this one: it says nothing.
        self.renewal = Renewal(renew, partial(make, say=_silent), partial(make_here, say=_silent))
        self._serve(make_here(bundle, say=lambda text: self.report(Event("engine", text))))

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
        stop = stop if duration_s is None else WithinTime(stop, duration_s)  # a gap has no frames to end at
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
                if max_frames is not None and self._counts.frames >= max_frames:
                    break
            self._tell(self._actions.end())
        summary = self._record.summary(self._counts, self._timer.percentiles(), camera.drops)
        for output in self._outputs:
            output.stopped(summary)
        return summary

    @property
    def bundle(self) -> Bundle:
        """The one that runs now."""
        return self._chain.bundle

    def report(self, event: Event) -> None:
        """Tell every output."""
        self._tell((*self._actions.end(), event) if event.name in INTERRUPTIONS else (event,))

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            for output in self._outputs:
                output.event(event)

    def _serve(self, chain: Chain) -> None:
        """From now on with this chain and its bundle; nothing of another one's state is left."""
        self._chain, self._manifest = chain, chain.bundle.manifest
        if self._governor is not None:
            self._governor.serve(self._manifest)

    def _renew(self, source: CameraSource) -> None:
        """Between two frames: take the bundle that was asked for, if it is ready and good."""
        renewed = self.renewal.poll()
        if renewed is None:
            return
        if renewed.error is not None:
            self.report(rolled_back(self._chain.bundle, renewed.error, renewed.digest))
        elif renewed.chain is not None:
            self._serve(renewed.chain)
            self.report(self._introduction("bundle_changed", source))

    def _take(self, frame: Frame, camera: HeldCamera) -> None:
        """One frame, from the camera to the outputs (docs/architecture.md)."""
        start_s = time.perf_counter()
        if self._counts.frames == 0:
            self._first_s = frame.capture_time_s
        if self._governor is not None and self._rests(self._governor):
            self._chain.skip(frame)
            self._wait()
            return
        tick = self._chain.take(frame)
        if tick is None:
            return
        self._watch_picture(tick.fault, frame, camera)
        if tick.result is None or tick.decision is None:
            return
        with self._timer.stage("output"):
            self._publish(frame, tick, tick.result, tick.decision, start_s)
        self._timer.add("total", (time.perf_counter() - start_s) * 1e3)
        if camera.source.live:
            self._timer.add("age", (time.monotonic() - frame.capture_time_s) * 1e3)

    def _watch_picture(self, fault: str | None, frame: Frame, camera: HeldCamera) -> None:
        if fault == DAMAGED:
            camera.discard()
        self._pictures.see(fault, frame.capture_time_s)

    def _publish(self, frame: Frame, tick: Tick, result: TickResult, decision: Decision, start_s: float) -> None:
        prediction = Prediction(
            sequence=frame.sequence,
            capture_time_s=frame.capture_time_s,
            stream_time_s=frame.capture_time_s - self._first_s,
            label=self._label(decision),
            reason=decision.reason,
            confidence=decision.confidence,
            probabilities=dict(zip(self._manifest.labels, decision.probabilities.tolist(), strict=True)),
            gamma=result.gamma,
            mean=result.statistics.mean,
            latency_ms=(time.perf_counter() - start_s) * 1e3,
            expert=self._manifest.gate.expert_names[result.expert],
            tracks=None if tick.tracks is None else tuple(self._about(one, frame.size) for one in tick.tracks),
        )
        self._compare_experts(prediction)
        self._record.add(prediction)
        for output in self._outputs:
            output.prediction(prediction)
        self._tell(self._actions.step(prediction))

    def _about(self, one: TrackDecision, size: tuple[int, int]) -> TrackPrediction:
        track, decision = one.track, one.decision
        left, top = round(track.box[0] * size[0]), round(track.box[1] * size[1])
        right, bottom = (round((track.box[k] + track.box[k + 2]) * size[k]) for k in (0, 1))
        box = (left, top, right - left, bottom - top)
        label = self._label(decision)
        return TrackPrediction(track.identity, box, track.confidence, label, decision.reason, decision.confidence)

    def _label(self, decision: Decision) -> str | None:
        return None if decision.index is None else self._manifest.labels[decision.index]

    def _compare_experts(self, prediction: Prediction) -> None:
        before, self._seen_by = self._seen_by, (prediction.gamma, prediction.seen_by)
        if before is not None and before[0] != prediction.gamma:
            details = {"from": before[0], "to": prediction.gamma}
            self.report(Event("gamma_changed", f"{before[1]} -> {prediction.seen_by}", details))

    def _introduction(self, event: str, source: CameraSource) -> Event:
        """What runs now, for `started` and `bundle_changed`."""
        manifest = self._manifest
        details = {
            "version": __version__,
            "camera": source.name,
            "bundle": manifest.name,
            "digest": self._chain.bundle.digest,
            "precision": manifest.precision,
            "engine": self._chain.engine,
            "labels": list(manifest.labels),
            "gammas": list(manifest.gate.gammas),
            "experts": list(manifest.gate.expert_names),
            "interval_ms": manifest.cadence.interval_ms,
        }
        labels = ", ".join(manifest.labels)
        return Event(event, f"{manifest.name} ({manifest.precision}) on {source.name}: {labels}", details)

    def _rests(self, governor: Governor) -> bool:
        """Ask the board; True where nothing shall be recognised now."""
        for event in governor.step(time.monotonic()):
            self.report(event)
            if governor.resting:  # what comes after the rest is another scene, and no gap
                self._chain.reset()
        self._chain.pace(governor.interval_ms)
        return governor.resting

    def _wait(self) -> None:
        for output in self._outputs:
            output.waiting()


def _silent(text: str) -> None:
    """Nobody to say it to."""
