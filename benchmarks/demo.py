"""The README's share of right, wrong and silent ticks on the demo clip, by its true segments: a showcase's.

python -m benchmarks.demo [--bundle BUNDLE]
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from calibration.synthetic.bodies.sequence import Segment
from edge.bundles.bundle import Bundle, default_bundle_path
from edge.cameras.recordings.demo import DEMO_CLIP
from edge.cameras.source import camera_source
from edge.command import run_command
from edge.errors import EXIT_STOPPED
from edge.messages import Prediction
from edge.outputs import Output
from edge.paths import user_path
from edge.run.pipeline import Pipeline

ALL, BETWEEN = "all actions", "between two actions"


@dataclass(frozen=True)
class Share:
    """Ticks of a part of the clip, by what was said in them. Between two actions whatever is said is wrong."""

    what: str
    right: int
    wrong: int
    silent: int

    @property
    def ticks(self) -> int:
        """All of them."""
        return self.right + self.wrong + self.silent


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=user_path, default=default_bundle_path(), help="default: the package's")
    options = parser.parse_args(arguments)
    return run_command("benchmarks.demo", lambda: _score(Bundle.load(options.bundle)))


def shares(segments: Sequence[Segment], predictions: Iterable[Prediction]) -> list[Share]:
    """One of each segment, in order; that of all of them; that of the time between them."""
    said = [(prediction.stream_time_s, prediction.label) for prediction in predictions]
    each, between = [], [*said]
    for segment in segments:
        here = [one for one in said if segment.start_s <= one[0] < segment.end_s]
        between = [one for one in between if one not in here]
        each.append(_share(segment.label, segment.label, here))
    whole = Share(ALL, sum(s.right for s in each), sum(s.wrong for s in each), sum(s.silent for s in each))
    return [*each, whole, _share(BETWEEN, None, between)]


def _share(what: str, truth: str | None, said: Sequence[tuple[float, str | None]]) -> Share:
    labels = [label for _, label in said]
    silent = labels.count(None)
    right = 0 if truth is None else labels.count(truth)
    return Share(what, right, len(labels) - silent - right, silent)


def _score(bundle: Bundle) -> int:
    truth = json.loads(DEMO_CLIP.with_suffix(".json").read_text(encoding="utf-8"))
    recorder = _Recorder()
    Pipeline(bundle, [recorder]).run(camera_source("demo"), threading.Event())
    print(f"{bundle.manifest.name} ({bundle.manifest.precision}) on the demo clip, a showcase chosen for this bundle")
    print(f"{'ticks of':<22}{'count':>6}{'right':>9}{'wrong':>9}{'silent':>9}")
    for share in shares([Segment(**segment) for segment in truth], recorder.predictions):
        cells = "".join(f"{count / max(share.ticks, 1):9.1%}" for count in (share.right, share.wrong, share.silent))
        print(f"{share.what:<22}{share.ticks:6}{cells}")
    return EXIT_STOPPED


class _Recorder(Output):
    def __init__(self) -> None:
        self.predictions: list[Prediction] = []

    def prediction(self, prediction: Prediction) -> None:
        self.predictions.append(prediction)


if __name__ == "__main__":
    sys.exit(main())
