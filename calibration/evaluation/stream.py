"""A bundle in a stream: clips end to end, with rooms and noise between them, through the device's whole pipeline.

What clips cannot show: how soon a label follows its action, how often it flickers, what is said when there is nobody.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.clip_sets.labels import known_clips
from calibration.evaluation.scores import Estimate
from calibration.synthetic.dark_camera import CAMERAS, SENSORS, DarkCamera
from calibration.synthetic.splits import open_nobody
from edge.bundles.bundle import Bundle
from edge.cameras.base import Camera, CameraSource
from edge.messages import Prediction
from edge.outputs import Output
from edge.picture.frame import Frame
from edge.recognition.chain import Chain
from edge.run.pipeline import Pipeline

ACTIONS_PER_STREAM = 8
NOBODY_AFTER = 4  # actions between two stretches of an empty room
NOISE_S, NOISE_FPS, NOISE_SIZE = 4.0, 15.0, (240, 320)
EMPTY_ROOM_S = 6.0
CARRIED_OVER_S = 1.0  # an empty room is judged from here on: what was seen before is still in the mean
SETTLING_S = 0.5  # a label that changes so soon after the gate did counts as changed by it
EMPTY, NOISE = "empty room", "noise alone"


@dataclass(frozen=True)
class Stretch:
    """A part of a stream. label: of its action; None where there is nobody, and then kind says what is seen instead."""

    start_s: float
    end_s: float
    label: str | None
    kind: str


@dataclass(frozen=True)
class Said:
    """One tick's answer: label None is silence."""

    time_s: float
    label: str | None
    gamma: float


@dataclass
class StreamScore:
    """Counts over all streams, and what they come to.

    right, wrong, silent: ticks during actions. latencies_s: from an action's start to its first right label; missed:
    actions that never got theirs. flickers: changes from one label to another during one action. onsets, nobody_s: by
    kind, labels that came up where there is nobody, and for how long there was nobody. switches: of the gate;
    unsettled: of them followed by another label within half a second.
    """

    right: int = 0
    wrong: int = 0
    silent: int = 0
    actions: int = 0
    missed: int = 0
    flickers: int = 0
    action_s: float = 0.0
    switches: int = 0
    unsettled: int = 0
    latencies_s: list[float] = field(default_factory=list)
    onsets: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    nobody_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, stretches: Sequence[Stretch], said: Sequence[Said]) -> None:
        """Count one stream."""
        for stretch in stretches:
            mine = [one for one in said if stretch.start_s <= one.time_s < stretch.end_s]
            if stretch.label is None:
                past = [one.label for one in said if one.time_s < stretch.start_s]
                self._add_nobody(stretch, mine, past[-1] if past else None)
            else:
                self._add_action(stretch, stretch.label, mine)
        for before, now in pairwise(range(len(said))):
            if said[now].gamma != said[before].gamma:
                self.switches += 1
                soon = (one for one in said[now:] if one.time_s < said[now].time_s + SETTLING_S)
                self.unsettled += said[before].label is not None and any(
                    one.label not in (None, said[before].label) for one in soon
                )

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        late = np.percentile(self.latencies_s, [50, 90]).round(3).tolist() if self.latencies_s else [None, None]
        return {
            "actions": self.actions,
            "right": self.right,
            "wrong": self.wrong,
            "silent": self.silent,
            "latency_p50_s": late[0],
            "latency_p90_s": late[1],
            "missed": self.missed,
            "flickers_per_minute": round(60 * self.flickers / max(self.action_s, 1e-9), 2),
            "false_labels_per_minute": {
                kind: round(60 * self.onsets[kind] / seconds, 2) for kind, seconds in self.nobody_s.items() if seconds
            },
            "gate_switches": self.switches,
            "gate_switches_followed_by_another_label": self.unsettled,
        }

    def text(self) -> str:
        """For people."""
        values = self.as_dict()
        ticks = self.right + self.wrong + self.silent
        right, wrong, silent = (Estimate.of(count, ticks).value for count in (self.right, self.wrong, self.silent))
        lines = [
            f"{self.actions} actions in a stream, {self.action_s / 60:.1f} minutes: of the ticks "
            f"{right:.1%} right, {wrong:.1%} wrong, {silent:.1%} silent",
            f"from an action's start to its label: median {values['latency_p50_s']} s, 90 % within "
            f"{values['latency_p90_s']} s; {self.missed} of {self.actions} never",
            f"labels that flicker during an action: {values['flickers_per_minute']} a minute",
        ]
        false = values["false_labels_per_minute"]
        assert isinstance(false, dict)
        lines += [
            f"{kind}: {rate} false labels a minute ({self.onsets[kind]} in {self.nobody_s[kind] / 60:.1f} minutes)"
            for kind, rate in false.items()
        ]
        lines.append(f"the gate switched {self.switches} times; {self.unsettled} times another label followed at once")
        return "\n".join(lines)

    def _add_action(self, stretch: Stretch, label: str, said: Sequence[Said]) -> None:
        self.actions += 1
        self.action_s += stretch.end_s - stretch.start_s
        self.right += sum(one.label == label for one in said)
        self.silent += sum(one.label is None for one in said)
        self.wrong += sum(one.label not in (label, None) for one in said)
        first = next((one.time_s for one in said if one.label == label), None)
        if first is None:
            self.missed += 1
        else:
            self.latencies_s.append(first - stretch.start_s)
        spoken = [one.label for one in said if one.label is not None]
        # One change is the action's own: from the label before it.
        self.flickers += max(0, sum(a != b for a, b in pairwise(spoken)) - 1)

    def _add_nobody(self, stretch: Stretch, said: Sequence[Said], before: str | None) -> None:
        judged = [one.label for one in said if one.time_s >= stretch.start_s + CARRIED_OVER_S]
        self.nobody_s[stretch.kind] += max(0.0, stretch.end_s - stretch.start_s - CARRIED_OVER_S)
        # A label that only dies away later than that came up before.
        self.onsets[stretch.kind] += sum(now not in (None, last) for last, now in pairwise([before, *judged]))


def score_streams(
    bundle: Bundle, clips: ClipSet, *, threads: int = 1, seed: int = 0, engine: str | None = None
) -> StreamScore:
    """Run the pipeline over streams of the set's clips. Raises DataError where the bundle knows none of the labels."""
    score = StreamScore()
    for parts in _streams(clips, bundle.manifest.labels, seed):
        recorder, camera = _Recorder(), _EndToEnd(parts)
        pipeline = Pipeline(bundle, [recorder], make=partial(Chain, threads=threads, engine=engine))
        pipeline.run(CameraSource("stream", live=False, open=partial(_same, camera)), threading.Event())
        score.add(camera.stretches, recorder.said)
    return score


@dataclass(frozen=True)
class _Part:
    label: str | None
    kind: str
    clip: Clip | None
    camera: str
    seed: int


def _streams(clips: ClipSet, labels: Sequence[str], seed: int) -> Iterator[list[_Part]]:
    """Clips of one camera and light in a random order, now and then an empty room and noise.

    The rooms of a set to choose by (`..._val`) are not those of the others, which one reports.
    """
    rng = np.random.default_rng([5, seed])
    known = known_clips(clips, labels)[0]
    split = "val" if clips.name.endswith("_val") else "test"
    empty = open_nobody(f"synthetic_nobody_{split}", split, EMPTY_ROOM_S).clips
    groups: dict[tuple[str | None, str | None], list[tuple[Clip, str]]] = defaultdict(list)
    for i in rng.permutation(len(known)):
        clip, label = known[i]
        groups[clip.camera, clip.light].append((clip, labels[label]))
    for (camera, light), members in sorted(groups.items(), key=str):
        rooms = [clip for clip in empty if clip.light == (light or clip.light)]
        sensor = camera if camera in CAMERAS else CAMERAS[-1]
        for start in range(0, len(members), ACTIONS_PER_STREAM):
            parts = []
            for number, (clip, label) in enumerate(members[start : start + ACTIONS_PER_STREAM], 1):
                parts.append(_Part(label, "action", clip, sensor, 0))
                if number % NOBODY_AFTER == 0:
                    parts.append(_Part(None, EMPTY, rooms[rng.integers(len(rooms))], sensor, 0))
            parts.append(_Part(None, NOISE, None, sensor, int(rng.integers(1 << 31))))
            yield parts


class _EndToEnd(Camera):
    """A recording made of parts; notes where each of them lies."""

    live = False

    def __init__(self, parts: Sequence[_Part]) -> None:
        super().__init__("stream")
        self.stretches: list[Stretch] = []
        self._frames = self._joined(parts)

    def read(self, timeout_s: float = 0.0) -> Frame | None:
        """See `Camera.read`."""
        return next(self._frames, None)

    def close(self) -> None:
        """Nothing is open."""

    def _joined(self, parts: Sequence[_Part]) -> Iterator[Frame]:
        now_s, sequence = 0.0, 0
        for part in parts:
            frames = _noise(part) if part.clip is None else part.clip.frames()
            start_s, last_s, step_s = now_s, 0.0, 1 / NOISE_FPS
            for frame in frames:
                step_s = frame.capture_time_s - last_s if frame.capture_time_s > last_s else step_s
                last_s = frame.capture_time_s
                now_s = start_s + last_s
                yield Frame(frame.image, sequence, now_s, frame.format)
                sequence += 1
            now_s += step_s
            self.stretches.append(Stretch(start_s, now_s, part.label, part.kind))


def _same(camera: Camera) -> Camera:
    return camera


def _noise(part: _Part) -> Iterator[Frame]:
    """What a camera delivers behind its lens cap, but with black level and gain at work."""
    camera = DarkCamera(SENSORS[part.camera], 1.0, np.random.default_rng(part.seed), illumination=0.0, gain=4.0)
    nothing = np.zeros((*NOISE_SIZE, 3), np.float32)
    for i in range(round(NOISE_S * NOISE_FPS)):
        yield Frame(camera.shoot(nothing.copy()), i, i / NOISE_FPS)


class _Recorder(Output):
    def __init__(self) -> None:
        self.said: list[Said] = []

    def prediction(self, prediction: Prediction) -> None:
        self.said.append(Said(prediction.stream_time_s, prediction.label, prediction.gamma))
