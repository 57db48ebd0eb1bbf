"""Who is where, against the truth: rendered people who walk, cross, stand and leave, and things that move in place.

python -m benchmarks.tracks [--scenes 4] [--evidence]

Every scene of `calibration/synthetic/passing.py` under both lights, at 320x240 and 15 frames a second, seen as the
default bundle's gate chooses. `found`: share of the ticks of a person in view in which a track's box overlaps the true
one (intersection by union at least 0.3, each track counted once); `false`: tracks that never were anybody's, by minute;
`idle`: share of the ticks in which a track lies where nobody is; `switches`: a person's track has another number than
before; `overlap`: mean of those found; `us`: CPU time a tick of locating alone, this machine's.

--evidence: what tells people from things, each number alone (area under the ROC curve), and the weights of
edge/recognition/tracks/evidence.py, fitted on other scenes than these.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import numpy.typing as npt

from calibration.synthetic.dark_camera import LIGHTS
from calibration.synthetic.passing import PLANS, Box, KnownBoxes, acting, scene
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.bundles.manifest import FrontEndSpec, InputSpec
from edge.picture.frame import Frame
from edge.recognition.gate import Gate
from edge.recognition.inputs.motion import Motion
from edge.recognition.inputs.tracks import CELL_PIXELS, LEVELS_PER_PIXEL
from edge.recognition.recogniser import EXTREMELY_DARK, MOVING_PX, MOVING_TICKS
from edge.recognition.tracks.evidence import NAMES, Evidence
from edge.recognition.tracks.locate import BELIEVED_TICKS, Located, Locator

F64 = npt.NDArray[np.float64]

FRONT_END = FrontEndSpec(240, 320, fraction_bits=4)
CELLS = (60, 80)
OVERLAPS = 0.3
EVIDENCE_FROM = 100  # numbers of the scenes that the weights are fitted on


def main() -> None:
    """Print the table; then times, or the evidence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=4, help="of every kind, under each light (%(default)s)")
    parser.add_argument("--evidence", action="store_true", help="fit the weights of the evidence instead")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.evidence:
        evidence(options.scenes)
        return
    print(
        f"{'scene':22} {'light':5} {'found':>6} {'false/min':>9} {'idle':>6} {'switches':>8} {'overlap':>7} {'us':>6}"
    )
    for name in PLANS:
        for light in LIGHTS:
            parts = [judged(scene(name, number, light)) for number in range(options.scenes)]
            print(f"{name:22} {light:5} {Counts.together(parts).line()}", flush=True)


@dataclass(frozen=True)
class Counts:
    """person_ticks, found: ticks of people in view, and those with a track. ticks, minutes: of the scenes.

    false: tracks that never were anybody's. idle: ticks of a track where nobody is. overlap: summed over `found`.
    microseconds: summed over ticks.
    """

    person_ticks: int
    found: int
    ticks: int
    false: int
    idle: int
    switches: int
    overlap: float
    microseconds: float

    @staticmethod
    def together(parts: Sequence[Counts]) -> Counts:
        """All of them as one."""
        return Counts(*(sum(getattr(part, field.name) for part in parts) for field in fields(Counts)))

    def line(self) -> str:
        """As the table has it."""
        found = f"{self.found / self.person_ticks:6.1%}" if self.person_ticks else "     -"
        overlap = f"{self.overlap / self.found:7.2f}" if self.found else "      -"
        rates = f"{self.false / (self.ticks / 900):9.1f} {self.idle / self.ticks:6.1%} {self.switches:8d}"
        return f"{found} {rates} {overlap} {self.microseconds / self.ticks:6.0f}"


def judged(known: KnownBoxes) -> Counts:
    """A scene's tracks, as the device finds them."""
    stage = Watched()
    told: list[list[tuple[int, Box]]] = []
    for frame in known.frames:
        found = stage.look(frame)
        told.append([(track.identity, in_pixels(track)) for track in found])
    return counted(told, known.boxes, stage.microseconds)


def in_pixels(track: Located) -> Box:
    """Of the 320x240 picture."""
    x, y, width, height = track.box
    return 320 * x, 240 * y, 320 * width, 240 * height


def counted(told: Sequence[Sequence[tuple[int, Box]]], truth: Sequence[dict[int, Box]], us: float = 0.0) -> Counts:
    """Of every tick: tracks by number, and true boxes by person."""
    found = idle = switches = 0
    overlap = 0.0
    last: dict[int, int] = {}
    everybody: set[int] = set()
    anybody: set[int] = set()
    for tracks, people in zip(told, truth, strict=True):
        # Who had this track before keeps it while it fits (Bernardin and Stiefelhagen, CLEAR MOT, 2008).
        pairs = (
            (last.get(person) == identity, overlap_of(people[person], box), person, k)
            for person in people
            for k, (identity, box) in enumerate(tracks)
        )
        taken_people: set[int] = set()
        taken: set[int] = set()
        for _, value, person, k in sorted((pair for pair in pairs if pair[1] >= OVERLAPS), reverse=True):
            if person in taken_people or k in taken:
                continue
            taken_people.add(person)
            taken.add(k)
            overlap += value
            switches += last.get(person, tracks[k][0]) != tracks[k][0]
            last[person] = tracks[k][0]
        everybody |= {identity for identity, _ in tracks}
        anybody |= {tracks[k][0] for k in taken}
        found += len(taken)
        idle += len(tracks) > len(taken)
    ticks = sum(len(people) for people in truth)
    return Counts(ticks, found, len(truth), len(everybody - anybody), idle, switches, overlap, us)


def overlap_of(a: Box, b: Box) -> float:
    """Intersection by union."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(wide, 0.0) * max(high, 0.0)
    return common / max(a[2] * a[3] + b[2] * b[3] - common, 1e-9)


# ---- Evidence ----


def evidence(scenes: int) -> None:
    """What each number alone tells of people and things, by age, and the weights of all together."""
    features, labels, ages, weights = samples(scenes)
    names = " ".join(f"{name:>8}" for name in NAMES)
    print(f"area under the ROC curve\n{'ticks':10} {'looks':>6} {names} {'together':>9}")
    fitted = fit(features, labels, weights)
    for low, high in ((0, 20), (20, 45), (45, 10_000)):
        of_age = (ages >= low) & (ages < high)
        truth, seen = labels[of_age], features[of_age]
        alone = " ".join(f"{area(seen[:, i], truth):8.2f}" for i in range(len(NAMES)))
        together = area(seen @ fitted[:-1], truth)
        print(f"from {low:<5} {of_age.sum():6d} {alone} {together:9.2f}")
    print(f"WEIGHTS = ({', '.join(f'{weight:.2f}' for weight in fitted[:-1])})\nBIAS = {fitted[-1]:.2f}")


def samples(scenes: int) -> tuple[F64, F64, F64, F64]:
    """Of every third look at a track that is clearly somebody's or clearly nobody's: features, 1 or 0, age, weight."""
    rows: list[tuple[tuple[float, ...], int, int, float]] = []
    for number in range(EVIDENCE_FROM, EVIDENCE_FROM + scenes):
        for light in LIGHTS:
            for known in (*(scene(name, number, light) for name in PLANS), *acted(number, light)):
                rows += sampled(known)
    features, labels, ages, weights = (np.asarray(column, np.float64) for column in zip(*rows, strict=True))
    people = labels == 1
    weights[people] *= weights[~people].sum() / weights[people].sum()  # as many of both
    return features, labels, ages, weights


def acted(number: int, light: str) -> Iterator[KnownBoxes]:
    """As many acting people as there are plans: in-place actions are the ones that look like things."""
    return (acting(len(PLANS) * number + k, light) for k in range(len(PLANS)))


def sampled(known: KnownBoxes) -> list[tuple[tuple[float, ...], int, int, float]]:
    """Of one scene, whose looks weigh 1 together for people and for things."""
    watched = Watched()
    looks: dict[Evidence, list[tuple[tuple[float, ...], float, int]]] = {}
    for frame, people in zip(known.frames, known.boxes, strict=True):
        watched.look(frame)
        for track in watched.locator.followed:
            if not track.unseen and track.seen >= BELIEVED_TICKS:
                box = (4 * track.left, 4 * track.top, 4 * track.width, 4 * track.height)
                overlap = max((overlap_of(true, box) for true in people.values()), default=0.0)
                looks.setdefault(track.evidence, []).append((track.evidence.features(), overlap, track.age))
    rows: list[tuple[tuple[float, ...], int, int]] = []
    for seen in looks.values():
        overlaps = np.array([overlap for _, overlap, _ in seen])
        somebody = int(np.median(overlaps) > 0.25)
        if somebody or overlaps.mean() < 0.05:
            rows += [(features, somebody, age) for features, _, age in seen[::3]]
    count = {label: sum(row[1] == label for row in rows) for label in (0, 1)}
    return [(*row, 1.0 / count[row[1]]) for row in rows]


def fit(features: F64, labels: F64, weights: F64) -> F64:
    """Logistic regression by Newton's method, a little ridge on all but the bias, which comes last."""
    columns = np.column_stack([features, np.ones(len(features))])
    ridge = 0.03 * np.append(np.ones(features.shape[1]), 0.0)
    solution = np.zeros(columns.shape[1])
    for _ in range(40):
        expected = 1 / (1 + np.exp(-columns @ solution))
        slope = columns.T @ (weights * (expected - labels)) + ridge * solution
        curvature = (columns.T * (weights * expected * (1 - expected))) @ columns + np.diag(ridge + 1e-9)
        solution -= np.linalg.solve(curvature, slope)
    return solution


def area(scores: F64, labels: F64) -> float:
    """Under the ROC curve, ties by order."""
    ranks = np.argsort(np.argsort(scores))
    ones = labels.sum()
    return float((ranks[labels == 1].sum() - ones * (ones - 1) / 2) / max(ones * (len(labels) - ones), 1))


class Watched:
    """Motion stage and locator behind the default bundle's gate, as `Recogniser` has them."""

    def __init__(self) -> None:
        bundle = Bundle.load(default_bundle_path())
        spec = bundle.manifest.gate
        self._gate = Gate(bundle.gate_weights(), spec.gammas, spec.hold)
        self._sharpest = min(range(len(spec.experts)), key=lambda i: spec.experts[i].accumulation)
        self._motion = Motion(FRONT_END, InputSpec("motion", *CELLS, LEVELS_PER_PIXEL), spec)
        self.locator = Locator(*CELLS, CELL_PIXELS * LEVELS_PER_PIXEL)
        self._camera_px = self.microseconds = 0.0

    def look(self, frame: Frame) -> list[Located]:
        """Who is where, by this frame and those before it."""
        statistics = self._motion.take(frame)
        expert = self._gate.step(statistics)
        self._camera_px += (self._motion.camera_px - self._camera_px) / MOVING_TICKS
        if self._camera_px > MOVING_PX and statistics.mean > EXTREMELY_DARK:
            expert = self._sharpest
        look = self._motion.see(expert)
        if look is None:
            return []
        started = time.thread_time()
        found = self.locator.step(look[0])
        self.microseconds += (time.thread_time() - started) * 1e6
        return found


if __name__ == "__main__":
    main()
