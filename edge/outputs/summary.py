"""What a whole run was like, in memory that does not grow with it."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field

from edge.cameras.base import DropCounts
from edge.messages import Prediction, expert_text
from edge.recognition.cadence import CadenceCounts
from edge.timing import Percentiles

TIMELINE_LENGTH = 200  # the last ones are kept


@dataclass
class Span:
    """One answer, a label or the reason of an abstention, and the stream times of its first and last tick."""

    label: str | None
    reason: str | None
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Summary:
    """frames: taken from the camera; dropped: that it lost or that came while the pipeline was busy.

    fps: frames per second of running; ticks: of the model; late, gaps: see `Cadence`. gammas: ticks by gamma.
    timeline: the last answers in their order. drops: buffers of the camera's driver that did not become frames.
    experts: for people, names by gamma.
    """

    counts: CadenceCounts
    running_s: float
    gammas: dict[str, int]
    timeline: list[Span]
    stages: dict[str, Percentiles]
    drops: DropCounts = field(default_factory=DropCounts)
    experts: dict[str, str] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        return self.counts.frames / self.running_s if self.running_s > 0 else 0.0

    def to_dict(self) -> dict[str, object]:
        """For JSON: numbers rounded, names as in docs/output.md."""
        counts = self.counts
        return {
            "frames": counts.frames,
            "dropped": counts.lost,
            "skipped": counts.skipped,
            "ticks": counts.ticks,
            "late": counts.late,
            "gaps": counts.gaps,
            "buffers": asdict(self.drops),
            "running_s": round(self.running_s, 3),
            "fps": round(self.fps, 2),
            "gammas": self.gammas,
            "experts": self.experts,
            "timeline": [asdict(span) for span in self.timeline],
            "stages": {name: _rounded(stage) for name, stage in self.stages.items()},
        }

    def to_text(self) -> str:
        """For people."""
        counts = self.counts
        seen = (f"{expert_text(self.experts.get(gamma, ''), float(gamma))} {n}" for gamma, n in self.gammas.items())
        return "\n".join(
            [
                f"frames {counts.frames}, {self.fps:.1f} fps, dropped {counts.lost}; ticks {counts.ticks}, "
                f"late {counts.late}, gaps {counts.gaps}",
                *_drop_lines(self.drops),
                f"ticks seen by: {', '.join(seen) or 'none'}",
                *_timeline_lines(self.timeline),
                f"{'stage':<12}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}  ms",
                *(_stage_line(name, stage) for name, stage in self.stages.items()),
            ]
        )


class RunRecord:
    """Collects what the summary needs while the run goes on."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()
        self._gammas: Counter[float] = Counter()
        self._experts: dict[str, str] = {}
        self._timeline: deque[Span] = deque(maxlen=TIMELINE_LENGTH)

    def add(self, prediction: Prediction) -> None:
        """Count one answer."""
        self._gammas[prediction.gamma] += 1
        self._experts[f"{prediction.gamma:g}"] = prediction.expert
        answer, now_s = (prediction.label, prediction.reason), round(prediction.stream_time_s, 3)
        last = self._timeline[-1] if self._timeline else None
        if last and (last.label, last.reason) == answer:
            last.end_s = now_s
        else:
            self._timeline.append(Span(*answer, now_s, now_s))

    def summary(self, counts: CadenceCounts, stages: dict[str, Percentiles], drops: DropCounts) -> Summary:
        """The run so far."""
        gammas = {f"{gamma:g}": ticks for gamma, ticks in sorted(self._gammas.items())}
        experts = {gamma: name for gamma, name in self._experts.items() if name}
        running_s = time.monotonic() - self._start_s
        return Summary(counts, running_s, gammas, list(self._timeline), stages, drops, experts)


def _rounded(stage: Percentiles) -> dict[str, float]:
    return {key: round(value, 3) for key, value in asdict(stage).items()}


def _stage_line(name: str, stage: Percentiles) -> str:
    return f"{name:<12}{stage.p50_ms:9.3f}{stage.p95_ms:9.3f}{stage.p99_ms:9.3f}{stage.max_ms:9.3f}"


def _drop_lines(drops: DropCounts) -> list[str]:
    named = ", ".join(f"{name} {count}" for name, count in asdict(drops).items() if count)
    return [f"buffers without a frame: {named}"] if named else []


def _timeline_lines(timeline: list[Span]) -> list[str]:
    return [f"  {span.start_s:8.2f} .. {span.end_s:8.2f} s  {span.label}" for span in timeline if span.label]
