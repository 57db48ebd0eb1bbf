"""Which clips calibrate, which judge the choices made on the way, which judge the result; and what they cover.

No clip does two of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from calibration.clip_sets.clips import Clip, ClipSet
from calibration.clip_sets.labels import NO_LABEL, OTHER, labelled_clips
from calibration.evaluation.scores import UNKNOWN
from calibration.jobs.shards import ShardTeam
from calibration.sets import public_name
from calibration.tensors import ClipTensors, Geometry, StoredTensors, store_tensors
from edge.bundles.bundle import Bundle
from edge.errors import DataError, EdgeError
from edge.picture.front_end import FrameStatistics
from edge.recognition.gate import Gate
from quantize.result import Coverage

LEAST_CLIPS = 4
ENOUGH_TICKS = 96  # fewer lost up to 13 dB of signal to quantisation noise (docs/quantize.md)
LabelledClip = tuple[Clip, int]


@dataclass(frozen=True)
class ClipParts:
    """calibration, held_out: clips with their label as an index of the bundle's, NO_LABEL where it knows none.

    acceptance: a set for `contend`.

    acceptance_selection: its clips as options of `edge-eval`, without the folders of this machine.
    """

    calibration: Sequence[LabelledClip]
    held_out: Sequence[LabelledClip]
    acceptance: ClipSet
    acceptance_selection: str


def divided(
    clips: ClipSet, labels: Sequence[str], limit: int | None, seed: int, acceptance: ClipSet | None = None
) -> ClipParts:
    """Divide a set: half of it for acceptance, or none where that has a set of its own; of the rest two thirds
    calibrate. All parts are spread over class, camera and light; `edge-eval --limit` finds acceptance's half again.

    Clips need no label to calibrate. Raises DataError: too few clips, or all of one class.
    """
    whole = clips if limit is None else clips.subset(limit, seed)
    labelled = labelled_clips(whole, labels)
    _check(whole)
    options = f"--seed {seed}"
    if acceptance is None:
        half = len(whole.clips) // 2
        acceptance, options = clips.subset(half, seed), f"--limit {half} {options}"
    elif limit is not None:
        acceptance, options = acceptance.subset(limit, seed), f"--limit {limit} {options}"
    shared = acceptance.name == clips.name  # names are unique within a set only
    judges = {clip.name for clip in acceptance.clips} if shared else set()
    rest = [clip for clip, _ in labelled if clip.name not in judges]
    held = {clip.name for clip in ClipSet(whole.name, whole.labels, rest).subset(max(1, len(rest) // 3), seed).clips}
    free = [(clip, label) for clip, label in labelled if clip.name not in judges]
    calibration = [pair for pair in free if pair[0].name not in held]
    if not calibration:
        raise DataError(f"{whole.name}: all of its clips judge the result; name another set with --acceptance, or more")
    return ClipParts(
        calibration,
        [pair for pair in free if pair[0].name in held],
        acceptance,
        f"{public_name(acceptance.name)} {options}",
    )


@dataclass(frozen=True)
class ClipShare:
    """This process's share of some clips, as the network sees them under every expert; what decodes and has a tick.

    places: of each clip in the whole, so that the answers of all processes come back in one order.
    """

    labelled: Sequence[LabelledClip]
    tensors: StoredTensors
    places: Sequence[int]
    processes: ShardTeam

    def gather(self, rows: Sequence[Any]) -> list[Any]:
        """Everybody's rows, one per clip, in the order of the whole. rows: this process's, as JSON knows them."""
        placed = [list(pair) for pair in zip(self.places, rows, strict=True)]
        everybody = [pair for part in self.processes.gather([placed]) for pair in part]
        return [row for _, row in sorted(everybody, key=lambda pair: int(pair[0]))]


def load_share(
    labelled: Sequence[LabelledClip],
    geometry: Geometry,
    cache: Path,
    workers: int,
    processes: ShardTeam,
    damaged: Callable[[Clip, EdgeError], None],
    progress: Callable[[int, int], None] | None = None,
) -> ClipShare:
    """Decode this process's share of the clips. cache: a folder. damaged: told of every clip that does not decode."""
    mine = processes.share(list(enumerate(labelled)))
    lost: set[str] = set()

    def tell(clip: Clip, error: EdgeError) -> None:
        lost.add(clip.name)
        damaged(clip, error)

    stored = store_tensors([clip for _, (clip, _) in mine], geometry, cache, workers, progress, tell)
    decoded = [item for item in mine if item[1][0].name not in lost]
    long = [i for i in range(len(decoded)) if stored.ticks(i)]
    kept = [decoded[i] for i in long]
    return ClipShare([pair for _, pair in kept], stored.only(long), [place for place, _ in kept], processes)


def coverage(share: ClipShare, bundle: Bundle) -> Coverage:
    """Ticks by expert, camera, light and class, and what is too rare."""
    manifest = bundle.manifest
    gate = Gate(bundle.gate_weights(), manifest.gate.gammas, manifest.gate.hold)
    rows = share.gather([_row(clip, one, gate) for (clip, _), one in zip(share.labelled, share.tensors, strict=True)])
    names = share.gather([OTHER if label == NO_LABEL else manifest.labels[label] for _, label in share.labelled])
    by: dict[str, Counter[str]] = {name: Counter() for name in ("expert", "camera", "light", "class")}
    chosen: Counter[int] = Counter(dict.fromkeys(range(len(gate.gammas)), 0))
    for row, name in zip(rows, names, strict=True):
        for what, value in (("camera", row["camera"]), ("light", row["light"]), ("class", name)):
            by[what][value or UNKNOWN] += row["ticks"]
        for expert, ticks in enumerate(row["chosen"]):
            by["expert"][str(expert)] += row["ticks"]
            chosen[expert] += ticks
    ticks = sum(row["ticks"] for row in rows)
    return Coverage(len(rows), ticks, by, chosen, _warnings(by, manifest.labels))


def _row(clip: Clip, tensors: ClipTensors, gate: Gate) -> dict[str, Any]:
    """What a clip covers. chosen: ticks of the gate's choice, expert by expert."""
    gate.reset()
    chosen = [0] * len(gate.gammas)
    for mean, std, entropy in tensors.statistics.tolist():
        chosen[gate.step(FrameStatistics(mean, std, entropy, 0, 255))] += 1
    return {"camera": clip.camera, "light": clip.light, "ticks": sum(chosen), "chosen": chosen}


def _warnings(by: Mapping[str, Mapping[str, int]], labels: Sequence[str]) -> tuple[str, ...]:
    few = [
        f"{name} {value}: {ticks} ticks are few to calibrate on, take {ENOUGH_TICKS} or more (--limit, other clips)"
        for name in ("expert", "camera", "light")
        for value, ticks in by[name].items()
        if ticks < ENOUGH_TICKS and value != UNKNOWN
    ]
    missing = [label for label in labels if label not in by["class"]]
    return (*few, *(["no clip to calibrate on of " + ", ".join(missing)] if missing else []))


def _check(clips: ClipSet) -> None:
    classes = sorted({clips.labels[clip.label] for clip in clips.clips})
    if len(classes) < 2:
        raise DataError(
            f"{clips.name}: expected clips of two classes or more, found {len(clips.clips)} clips, all of "
            f"{classes[0]}; calibrate on clips like those of the device"
        )
    if len(clips.clips) < LEAST_CLIPS:
        raise DataError(
            f"{clips.name}: expected {LEAST_CLIPS} clips or more, for calibration, choice and acceptance are of "
            f"different clips, found {len(clips.clips)}; take a larger set, or a larger --limit"
        )
