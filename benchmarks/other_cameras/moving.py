"""A camera that moves: the share of the picture above the noise, before and after its motion is taken out, and labels.

python -m benchmarks.other_cameras.moving --set relit_moving:DIR --set folder:DIR [--limit 24]

Every set's clips go through the device's chain with the default bundle, once with each form of the input that it can be
fed. Its student was trained on the form `change_flow`; what it says of `motion` shows that form's pictures, not what a
student would that had learnt from them. Shares are of the 30x40 cells, mean over ticks, of the expert that the gate
chose. A false label is one that comes up and is not the clip's; where the class is `nobody`, any. Clips of classes that
the bundle does not know are measured and not judged.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from calibration.clip_sets.clips import Clip
from calibration.sets import open_set
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.recognition.chain import Chain, Tick
from edge.recognition.health import VIEW_CHANGED
from edge.recognition.inputs import network_input
from edge.recognition.inputs.base import ZERO
from edge.recognition.inputs.motion import Motion

FORMS = ("change_flow", "motion")
NOBODY = "nobody"


@dataclass
class Seen:
    """Of one form: per tick the shares above the noise; labels that came up, of them false, and the time judged."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    ticks: int = 0
    other_view: int = 0
    silent: int = 0
    false_labels: int = 0
    judged_s: float = 0.0


def main() -> None:
    """Print a row for every set, light and form, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", required=True, dest="sets", help="a data set by name")
    parser.add_argument("--limit", type=int, default=24, help="clips of a set (%(default)s)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    bundle = Bundle.load(default_bundle_path())
    print("| clips | form | above the noise, before | after | silent | another view | false labels a minute |")
    print("|---|---|---|---|---|---|---|")
    for name in options.sets:
        clips = open_set(name, None, options.limit)
        groups: dict[str, list[tuple[Clip, str]]] = {}
        for clip in clips.clips:
            label = clips.labels[clip.label]
            groups.setdefault(clip.light or label, []).append((clip, label))
        for group, members in groups.items():
            for form in FORMS:
                found = seen(bundle, form, members)
                print(
                    f"| {name.partition(':')[0]}, {group}, {len(members)} clips | `{form}` | {row(found)} |", flush=True
                )


def row(found: Seen) -> str:
    """Percent of cells, of ticks; a rate."""
    after = f"{np.mean(found.after):.1%}" if found.after else "-"
    rate = f"{60 * found.false_labels / found.judged_s:.1f}" if found.judged_s else "-"
    ticks = max(found.ticks, 1)
    shares = f"{np.mean(found.before):.1%} | {after} | {found.silent / ticks:.0%} | {found.other_view / ticks:.1%}"
    return f"{shares} | {rate}"


def seen(bundle: Bundle, form: str, clips: Iterable[tuple[Clip, str]]) -> Seen:
    """All of these clips, one after the other, each a stream of its own."""
    manifest = replace(bundle.manifest, input=replace(bundle.manifest.input, form=form))
    chain = Chain(replace(bundle, manifest=manifest), say=lambda line: None)
    stage = network_input(manifest.front_end, manifest.input, manifest.gate)
    found = Seen()
    for clip, label in clips:
        chain.reset()
        stage.reset()
        judged = label == NOBODY or label in manifest.labels
        last, times = None, []
        for frame in clip.frames():
            tick = chain.take(frame)
            if tick is None:
                continue
            stage.take(frame)
            times.append(frame.capture_time_s)
            if tick.result is None or tick.decision is None:
                continue
            x = stage.see(tick.result.expert)
            assert x is not None
            if isinstance(stage, Motion):
                found.before.append(stage.significant[0])
                found.after.append(stage.significant[1])
            else:
                found.before.append(float((x[0, ..., 0] > ZERO).mean()))
            said = counted(found, tick, manifest.labels)
            found.false_labels += judged and said not in (None, last, label)
            last = said
        found.judged_s += (times[-1] - times[0]) * judged if times else 0.0
    return found


def counted(found: Seen, tick: Tick, labels: tuple[str, ...]) -> str | None:
    """What is said in a tick, None for nothing."""
    assert tick.decision is not None
    found.ticks += 1
    found.other_view += tick.decision.reason == VIEW_CHANGED
    found.silent += tick.decision.index is None
    return None if tick.decision.index is None else labels[tick.decision.index]


if __name__ == "__main__":
    main()
