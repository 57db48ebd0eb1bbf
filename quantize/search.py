"""The best integer student of one scheme: estimators tried on held-out clips, layers left in float where it must be."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from calibration.jobs.progress import Progress
from edge.bundles.bundle import STUDENT_FILE, Bundle, StateSpec
from quantize.graph import weighted_layers
from quantize.judging.fidelity import HeldOutClips
from quantize.judging.layers import by_sensitivity, noise_db
from quantize.observing.estimators import ESTIMATORS, estimated
from quantize.observing.parts import ClipShare
from quantize.observing.ranges import observe, reach
from quantize.observing.tensor_statistics import TensorStatistics
from quantize.result import Fidelity, Layer, Trial
from quantize.rewriting.balance import BalancedStudent, balanced
from quantize.rewriting.bias import bias_corrected
from quantize.rewriting.drift import mean_outputs, undrifted
from quantize.rewriting.equalise import equalised
from quantize.rewriting.levels import on_levels, tied
from quantize.rewriting.qdq import Scheme, alone, prepared, quantized

AUTO = "auto"


@dataclass(frozen=True)
class Search:
    """What may be tried. estimator: a name of ESTIMATORS or `auto`. mixed: layers may stay float to keep max_drop."""

    estimator: str
    mixed: bool
    max_drop: float


@dataclass(frozen=True)
class IntegerStudent:
    """An integer student as a bundle of its own, why it is this one, and its layers."""

    bundle: Bundle
    trials: tuple[Trial, ...]
    kept: int
    layers: tuple[Layer, ...]


class Maker:
    """Makes integer students of one float bundle. share: of the calibration clips.

    progress: of observing them. tried: of the students that are tried, those of one layer among them.
    """

    def __init__(
        self,
        source: Bundle,
        share: ClipShare,
        held_out: HeldOutClips,
        progress: Progress | None,
        tried: Progress | None = None,
    ) -> None:
        self.source, self._held_out = source, held_out
        self._tried = tried or (lambda done, of: None)
        self._states = source.manifest.states
        self._share = share
        model = prepared(source.student_bytes())
        self.model = equalised(model, self._states, reach(model, self._states, share))
        self.statistics: TensorStatistics = observe(self.model, self._states, share, progress)
        self._means = mean_outputs(self.model, self._states, share)

    def best(self, scheme: Scheme, search: Search) -> IntegerStudent:
        """Try what the search allows, and keep what answers the held-out clips most like the float student."""
        names = list(ESTIMATORS) if search.estimator == AUTO else [search.estimator]
        trials, of = [], len(names) + len(weighted_layers(self.model))
        for name in names:
            trials.append(self._trial(scheme, name, ()))
            self._tried(len(trials), of)
        kept = min(range(len(trials)), key=lambda i: trials[i].fidelity.divergence)
        estimator = trials[kept].estimator
        costs = self._alone(scheme, estimator, len(names))
        if search.mixed and trials[kept].fidelity.drop > search.max_drop:
            mixed = self._mixed(scheme, estimator, by_sensitivity({n: f.divergence for n, f in costs.items()}), search)
            trials += mixed
            good = [i for i, trial in enumerate(trials) if trial.fidelity.drop <= search.max_drop]
            kept = min(good, key=lambda i: len(trials[i].float_layers)) if good else kept
        bundle = self._integer(scheme, estimator, trials[kept].float_layers)
        return IntegerStudent(bundle, tuple(trials), kept, self._layers(bundle, costs, trials[kept].float_layers))

    def corrected(self, estimator: str, float_layers: Sequence[str] = ()) -> BalancedStudent:
        """The float student with branches balanced for these ranges, and biases that expect the weights' rounding."""
        ranges = tied(self.model, estimated(self.statistics, estimator))
        model = balanced(self.model, ranges, self.statistics.means)
        return dataclasses.replace(model, model=bias_corrected(model.model, model.means, float_layers))

    def _trial(self, scheme: Scheme, estimator: str, float_layers: tuple[str, ...]) -> Trial:
        bundle = self._integer(scheme, estimator, float_layers)
        return Trial(estimator, float_layers, self._held_out.judge(bundle))

    def _integer(self, scheme: Scheme, estimator: str, float_layers: Sequence[str]) -> Bundle:
        ready = self.corrected(estimator, float_layers)
        student, states = quantized(ready.model, ready.ranges, self._states, scheme, float_layers)
        student = undrifted(student, states, self._means, self._share)
        return integer_bundle(self.source, on_levels(student) if scheme.on_levels else student, states)

    def _alone(self, scheme: Scheme, estimator: str, tried: int) -> dict[str, Fidelity]:
        """Every layer with weights as the only one quantised."""
        names = [layer.name for layer in weighted_layers(self.model)]
        costs = {}
        for name in names:
            ready = self.corrected(estimator, [other for other in names if other != name])
            student = alone(ready.model, ready.ranges, scheme, name)
            student = undrifted(student, self._states, {name: self._means[name]}, self._share)
            costs[name] = self._held_out.judge(integer_bundle(self.source, student, self._states), one_expert=True)
            self._tried(tried + len(costs), tried + len(names))
        return costs

    def _mixed(self, scheme: Scheme, estimator: str, costliest: Sequence[str], search: Search) -> list[Trial]:
        """Layers go to float, the costliest first, until the loss is small enough; then those that need not go back."""
        trials: list[Trial] = []
        for count in range(1, len(costliest) + 1):
            trials.append(self._trial(scheme, estimator, tuple(costliest[:count])))
            if trials[-1].fidelity.drop <= search.max_drop:
                break
        else:
            return trials
        chosen = list(trials[-1].float_layers)
        for name in chosen[-2::-1]:  # without the last one it was not enough
            fewer = tuple(other for other in chosen if other != name)
            trials.append(self._trial(scheme, estimator, fewer))
            if trials[-1].fidelity.drop <= search.max_drop:
                chosen = list(fewer)
        return trials

    def _layers(self, integer: Bundle, costs: dict[str, Fidelity], float_layers: Sequence[str]) -> tuple[Layer, ...]:
        states = (self._states, integer.manifest.states)
        noise = noise_db(self.model, integer.student_bytes(), states, self._held_out.share)
        return tuple(
            Layer(node.name, node.op_type, noise[node.name], costs[node.name], node.name not in float_layers)
            for node in weighted_layers(self.model)
            if node.name in noise
        )


def integer_bundle(source: Bundle, student: bytes, states: tuple[StateSpec, ...]) -> Bundle:
    """A float bundle with an integer student in place of its own."""
    manifest = dataclasses.replace(source.manifest, precision="int8", states=states, files={}, alternatives=())
    return Bundle("the INT8 bundle", "", manifest, {**source.files, STUDENT_FILE: student})
