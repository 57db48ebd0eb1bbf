"""What `quantize` found, for whoever reports, verifies or writes it: one frozen record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calibration.evaluation.scores import Comparison, Evaluation, compare
from edge.bundles.bundle import Bundle

# Without labels: of three decisions that quantisation changes, about one is a loss (the folds: 1.3 % changed, 0.7
# points lost), so that many times --max-drop may be changed.
AGREEMENT_MARGIN = 3.0


@dataclass(frozen=True)
class Coverage:
    """What calibration saw. ticks: of every expert. by: `expert`, `camera`, `light`, `class` -> value -> ticks.

    gate_ticks: by expert, the ticks of these clips for which the float bundle's gate chose it. warnings: one line for
    each value that is too rare to trust.
    """

    clips: int
    ticks: int
    by: Mapping[str, Mapping[str, int]]
    gate_ticks: Mapping[int, int]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Fidelity:
    """How an integer student answers the held-out clips, under every expert, beside the float one.

    logits_db: signal to quantisation noise of the logits. divergence: mean Kullback-Leibler divergence of the
    probabilities, nats a tick. agreement: share of the decisions (clip x expert) that are the same. drop: points of
    top-1 or macro lost over these decisions, whichever lost more; negative where it gained.
    """

    logits_db: float
    divergence: float
    agreement: float
    drop: float


@dataclass(frozen=True)
class Trial:
    """One way of quantising, tried on the held-out part."""

    estimator: str
    float_layers: tuple[str, ...]
    fidelity: Fidelity


@dataclass(frozen=True)
class Layer:
    """One layer with weights. sqnr_db: its output in the whole integer student against the float one's.

    alone: the student with this layer alone quantised. quantised: False where it was kept in float.
    """

    name: str
    operator: str
    sqnr_db: float
    alone: Fidelity | None
    quantised: bool


@dataclass(frozen=True)
class IntegerCandidate:
    """One integer build of the student, scored on the acceptance clips after it was written and opened again.

    name: U8S8, S8S8, S8S8 symmetric, NNCF, QDQ. engine: what ran it here. bundle: the build as a bundle of its own.
    trials: what was tried before this was kept, which is `trials[kept]`; empty for a student that came quantised.
    """

    name: str
    engine: str
    bundle: Bundle
    estimator: str
    trials: tuple[Trial, ...]
    kept: int
    layers: tuple[Layer, ...]
    evaluation: Evaluation

    @property
    def float_layers(self) -> tuple[str, ...]:
        """Layers with weights that were kept in float on purpose."""
        return tuple(layer.name for layer in self.layers if not layer.quantised)


@dataclass(frozen=True)
class TargetResult:
    """One target's bundle, not yet written. candidates: all that were made, `candidates[0]` is its `student.onnx`.

    path: where it goes. kept: indices of the candidates that the bundle holds. why: one line that says so.
    """

    target: str
    path: Path
    bundle: Bundle
    candidates: tuple[IntegerCandidate, ...]
    kept: tuple[int, ...]
    why: str


@dataclass(frozen=True)
class QuantizeResult:
    """Everything. source: the float bundle. float_evaluation: it on the acceptance clips.

    acceptance_selection, command: as a command has them, without folders of this machine. versions: package -> version.
    """

    source: Bundle
    float_evaluation: Evaluation
    targets: tuple[TargetResult, ...]
    coverage: Coverage
    calibration_clips: int
    held_out_clips: int
    acceptance_selection: str
    command: str
    seed: int
    max_drop: float
    versions: Mapping[str, str]

    def comparison(self, candidate: IntegerCandidate) -> Comparison:
        """Float against INT8, clip by clip, on the acceptance clips."""
        return compare(self.float_evaluation, candidate.evaluation)

    @property
    def allowed_drop(self) -> float:
        """Points that may be lost. Without labels a lost point is a decision that is not float's, right or wrong."""
        return self.max_drop * (AGREEMENT_MARGIN if self.float_evaluation.stand_in else 1)

    def drop(self, candidate: IntegerCandidate) -> float:
        """Points lost on the acceptance clips, of top-1 or macro, whichever lost more; negative where INT8 gained."""
        before, after = self.float_evaluation, candidate.evaluation
        return 100 * max(before.top1 - after.top1, before.macro - after.macro)
