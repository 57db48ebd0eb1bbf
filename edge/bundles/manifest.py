"""The bundle's manifest: frozen dataclasses whose fields say what they may hold, read from JSON and written back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from edge.errors import BundleError
from edge.fields import NOT_EMPTY, REQUIRED, AtMost, Between, Contradiction, Language, Matching, OneOf, build

FORMAT = 1  # of every bundle that says no more than the first ones did
DECIDING_FORMAT = 2  # of those with `decision`, which a runtime of the first ones would not understand
STUDENT_FILE = "student.onnx"
GATE_FILE = "gate.npz"
GATE_WEIGHTS = ("w1", "b1", "w2", "b2", "w3", "b3")  # its arrays: edge/recognition/gate.py says what they are
TARGETS = ("x86", "arm", "jetson", "openvino")
FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"  # no separator, no leading dot: it cannot leave the bundle
NOISE_AWARE = ("change_flow", "motion", "tracks")  # forms whose experts average pixels and frames
MOST_WINDOW = 128  # pixels of a side of a track's window
MODEL_SUFFIXES = {"onnxruntime": ("onnx",), "openvino": ("xml", "bin")}
STARTS = {"float32": (-1e6, 1e6), "uint8": (0, 255), "int8": (-128, 127)}  # of a state, by its dtype
MAX_STATE_ELEMENTS = 1 << 22  # of one state; ours have thousands
DIGEST = "digest"  # the key of the manifest's digest of itself
REMAKE = "make the bundle again, or fetch it again if it came from elsewhere"

JSON = Language(
    BundleError,
    {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        list: "a list",
        dict: "an object",
        type(None): "null",
    },
    ".",
    f"; {REMAKE}",
    terse=False,
    printable=True,
)

# Limits of texts and lists keep every line about a bundle shorter than what systemd and its journal take at once.
Name = Annotated[str, NOT_EMPTY, AtMost(200)]
Text = Annotated[str, NOT_EMPTY, AtMost(10_000)]
FileName = Annotated[str, Matching(FILE_NAME, "a plain file name (letters, digits, . _ -), no folder and no '..'")]
Sha256 = Annotated[str, Matching("[0-9a-f]{64}", "64 lower-case hexadecimal digits")]
Fraction = Annotated[float, Between(0.0, 1.0)]
Side = Annotated[int, Between(8, 1024)]  # of pictures that a board works on at every tick
Engine = Annotated[str, OneOf(tuple(MODEL_SUFFIXES))]


@dataclass(frozen=True)
class FrontEndSpec:
    """Size of the small frame, the convention of its statistics (docs/architecture.md), and how many bits of fractions
    of a level are kept for the motion stage: 0 or 4.
    """

    height: Side
    width: Side
    statistics: Annotated[str, OneOf(("pixel",)), REQUIRED] = "pixel"
    fraction_bits: Annotated[int, Between(0, 4)] = 0

    def contradictions(self) -> Iterator[Contradiction]:
        if self.fraction_bits not in (0, 4):
            yield Contradiction("fraction_bits", "0 or 4", self.fraction_bits)


@dataclass(frozen=True)
class InputSpec:
    """What `x` is (edge/recognition/inputs): its form, its size, levels of uint8 per pixel of velocity; in the form
    `tracks` a pixel is a hundredth of the body's height.
    """

    form: Annotated[str, OneOf(("change_flow", "luma_flow", "motion", "rgb", "tracks"))]
    height: Side
    width: Side
    levels_per_pixel: Annotated[float, Between(1e-3, 255.0)]


@dataclass(frozen=True)
class CadenceSpec:
    """Time between ticks, how late a frame may be, and the gap after which the state starts anew."""

    interval_ms: Annotated[float, Between(1.0, 10_000.0)]
    tolerance_ms: Annotated[float, Between(0.0, 10_000.0)]
    reset_after_ms: Annotated[float, Between(1.0, 600_000.0)]

    def contradictions(self) -> Iterator[Contradiction]:
        if self.reset_after_ms < self.interval_ms:
            expected = f"at least interval_ms ({self.interval_ms})"
            yield Contradiction("reset_after_ms", expected, self.reset_after_ms)


@dataclass(frozen=True)
class ExpertSpec:
    """How one expert of the noise-aware forms trades sharpness for signal: pixels averaged (binning x binning), frames
    averaged (accumulation), and over how many ticks motion is measured (stride).
    """

    binning: Annotated[int, Between(1, 8), REQUIRED] = 1
    accumulation: Annotated[int, Between(1, 16), REQUIRED] = 1
    stride: Annotated[int, Between(1, 16), REQUIRED] = 1

    @property
    def averaged(self) -> int:
        """How many measured values are in one that the expert sees."""
        return self.binning**2 * self.accumulation


@dataclass(frozen=True)
class GateSpec:
    """gammas: one per head, or per expert where one head serves all. window: ticks of statistics that the gate sees.

    hold: its hysteresis in ticks. experts: for the noise-aware forms, one per gamma.
    """

    gammas: tuple[Annotated[float, Between(0.05, 20.0)], ...]
    window: Annotated[int, Between(1, 1024)]
    hold: Annotated[int, Between(1, 1024)]
    experts: tuple[ExpertSpec, ...] = ()

    def contradictions(self) -> Iterator[Contradiction]:
        if not self.gammas or len(set(self.gammas)) < len(self.gammas):
            yield Contradiction("gammas", "one or more, none twice", list(self.gammas))

    @property
    def expert_names(self) -> tuple[str, ...]:
        """For people, one per gamma: `light x1` averages nothing, `heavy x64` the most; empty without experts."""
        heaviest = max((expert.averaged for expert in self.experts), default=1)
        words = {1: "light", heaviest: "heavy"} if heaviest > 1 else {1: "light"}
        names = (f"{words.get(expert.averaged, 'medium')} x{expert.averaged}" for expert in self.experts)
        return tuple(names) or ("",) * len(self.gammas)


@dataclass(frozen=True)
class SmoothingSpec:
    """Averaging of the probabilities over time, and when to abstain."""

    window_ms: Annotated[float, Between(1.0, 600_000.0)]
    minimum_confidence: Fraction
    warm_up_ms: Annotated[float, Between(0.0, 600_000.0)]


BACKGROUND = ("other", "nothing")  # labels that are no action: somebody does something else; nobody does anything
SENSITIVITIES = ("low", "normal", "high")
NORMAL = SENSITIVITIES[1]  # the one of every bundle


@dataclass(frozen=True)
class OperatingPoint:
    """How sure it has to be. enter, leave: the probability at which an action begins, and under which it ends.

    recall, false_per_hour: what that came to on streams of people whom it never saw: the share of actions that are
    named while they last, and labels said an hour where there is none to say.
    """

    enter: Fraction
    leave: Fraction
    recall: Fraction
    false_per_hour: Annotated[float, Between(0.0, 1e6)]

    def contradictions(self) -> Iterator[Contradiction]:
        if self.leave > self.enter:
            yield Contradiction("leave", f"at most enter ({self.enter:g})", self.leave)


@dataclass(frozen=True)
class DecisionSpec:
    """From a stream of logits to actions (edge/recognition/decoder.py says how).

    scale, bias: of every label's log-probability l, so that the softmax of scale * l + bias is a probability that holds
    (vector scaling: Guo et al., On Calibration of Modern Neural Networks, ICML 2017). dwell_ms: how long something goes
    on, on average. evidence: how much 66.7 ms of answers count beside one that would be independent of those before.
    shortest_ms: how long something must be likely before it is said. low, normal, high: the operating points.
    """

    scale: Annotated[tuple[Annotated[float, Between(0.0, 100.0)], ...], AtMost(1000)]
    bias: Annotated[tuple[Annotated[float, Between(-100.0, 100.0)], ...], AtMost(1000)]
    dwell_ms: Annotated[float, Between(1.0, 600_000.0)]
    evidence: Annotated[float, Between(1e-3, 1.0)]
    shortest_ms: Annotated[float, Between(0.0, 60_000.0)]
    warm_up_ms: Annotated[float, Between(0.0, 600_000.0)]
    low: OperatingPoint
    normal: OperatingPoint
    high: OperatingPoint

    def point(self, sensitivity: str) -> OperatingPoint:
        """One of SENSITIVITIES."""
        found = getattr(self, sensitivity)
        assert isinstance(found, OperatingPoint)
        return found


@dataclass(frozen=True)
class StateSpec:
    """One recurrent tensor: enters the model as `input`, leaves it as `output`, every element starts as `start`."""

    input: Name
    output: Name
    shape: Annotated[tuple[Annotated[int, Between(1, 65_536)], ...], AtMost(8)]
    dtype: Annotated[str, OneOf(tuple(STARTS))]
    start: float

    def contradictions(self) -> Iterator[Contradiction]:
        low, high = STARTS[self.dtype]
        if not low <= self.start <= high:
            yield Contradiction("start", f"a number from {low} to {high}", self.start)
        if math.prod(self.shape) > MAX_STATE_ELEMENTS:
            yield Contradiction("shape", f"at most {MAX_STATE_ELEMENTS} values", math.prod(self.shape))


@dataclass(frozen=True)
class ModelSpec:
    """Another form of the same student, which a device may prefer to `student.onnx`.

    engine: the one that reads it, `onnxruntime` (one ONNX file) or `openvino` (an IR: .xml and .bin). states: as it
    takes and gives them, which may differ from the default build's in dtype and start.
    """

    name: Name
    engine: Engine
    files: tuple[FileName, ...]
    states: tuple[StateSpec, ...]

    def contradictions(self) -> Iterator[Contradiction]:
        suffixes = MODEL_SUFFIXES[self.engine]
        if tuple(name.rpartition(".")[2] for name in self.files) != suffixes:
            expected = " and ".join(f".{suffix}" for suffix in suffixes)
            yield Contradiction("files", f"for {self.engine} one file of each kind, {expected}", list(self.files))


@dataclass(frozen=True)
class Accuracy:
    """One measurement; top1, macro and interval95 (Wilson, of top1) are fractions of 1."""

    what: Text
    data: Text
    command: Text
    top1: Fraction
    macro: Fraction
    interval95: tuple[Fraction, Fraction]
    clips: Annotated[int, Between(0, 2**63 - 1)]

    def contradictions(self) -> Iterator[Contradiction]:
        if self.interval95[0] > self.interval95[1]:
            yield Contradiction("interval95", "two fractions, the lower first", list(self.interval95))


@dataclass(frozen=True)
class DataSource:
    """Data that the weights were made from."""

    name: Text
    licence: Text


@dataclass(frozen=True)
class Provenance:
    """Where the weights come from; notes are for people (what quantize measured, that a gate was forced)."""

    data: tuple[DataSource, ...]
    recipe: Text
    seed: Annotated[int, Between(-(2**63), 2**63 - 1)]
    revision: Text
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class FileDigest:
    """Size and SHA-256 of a file of the bundle."""

    sha256: Sha256
    bytes: Annotated[int, Between(0, 2**63 - 1)]


@dataclass(frozen=True)
class Manifest:
    """All of `manifest.json`. `files` is filled in by `write_bundle`."""

    name: Name
    precision: Annotated[str, OneOf(("float32", "int8"))]
    target: Annotated[str, OneOf(("any", *TARGETS))]
    labels: Annotated[tuple[Name, ...], AtMost(1000)]
    front_end: FrontEndSpec
    input: InputSpec
    cadence: CadenceSpec
    gate: GateSpec
    smoothing: SmoothingSpec
    states: tuple[StateSpec, ...]
    accuracy: tuple[Accuracy, ...]
    provenance: Provenance
    files: Annotated[dict[FileName, FileDigest], REQUIRED] = field(default_factory=dict)
    format: Annotated[int, REQUIRED] = FORMAT
    alternatives: tuple[ModelSpec, ...] = ()
    decision: DecisionSpec | None = None

    @property
    def actions(self) -> tuple[str, ...]:
        """The labels that can be said: with a `decision`, all but BACKGROUND."""
        return self.labels if self.decision is None else tuple(one for one in self.labels if one not in BACKGROUND)

    def deciding(self, decision: DecisionSpec | None) -> Manifest:
        """The same with another decision, or without one, in the format that this takes."""
        return dataclasses.replace(self, decision=decision, format=FORMAT if decision is None else DECIDING_FORMAT)

    def contradictions(self) -> Iterator[Contradiction]:
        """What no field can tell alone."""
        yield from self._decisions()
        labels, gammas, experts = self.labels, self.gate.gammas, self.gate.experts
        if len(labels) < 2 or len(set(labels)) < len(labels):
            yield Contradiction("labels", "two or more, none twice", list(labels))
        if len(experts) != (len(gammas) if self.input.form in NOISE_AWARE else 0):
            expected = len(gammas) if self.input.form in NOISE_AWARE else 0
            yield Contradiction("gate.experts", f"{expected}", len(experts))
        yield from self._sizes()
        yield from self._names()

    def _decisions(self) -> Iterator[Contradiction]:
        decision, wanted = self.decision, FORMAT if self.decision is None else DECIDING_FORMAT
        if self.format != wanted:
            yield Contradiction("format", f"{wanted} {'without' if decision is None else 'with'} decision", self.format)
        if decision is not None:
            for name in ("scale", "bias"):
                if (found := len(getattr(decision, name))) != len(self.labels):
                    yield Contradiction(f"decision.{name}", f"a number per label, {len(self.labels)}", found)
            if not self.actions:
                yield Contradiction("labels", f"an action beside {', '.join(BACKGROUND)}", list(self.labels))

    def _sizes(self) -> Iterator[Contradiction]:
        small, network = self.front_end, self.input
        found = f"{network.height} x {network.width}"
        if network.height > small.height or network.width > small.width:
            yield Contradiction("input", f"at most the front end's {small.height} x {small.width}", found)
        sides = ((small.height, network.height), (small.width, network.width))
        if network.form == "motion" and not all(32 <= side <= 640 and side == 4 * cells for side, cells in sides):
            expected = f"in motion form a quarter of the front end's sides ({small.height} x {small.width}), 32 to 640"
            yield Contradiction("input", expected, found)
        if network.form == "tracks" and not all(32 <= side <= 640 and side % 4 == 0 for side, _ in sides):
            expected = "in tracks form multiples of 4 from 32 to 640"
            yield Contradiction("front_end", expected, f"{small.height} x {small.width}")
        if network.form == "tracks" and max(network.height, network.width) > MOST_WINDOW:
            yield Contradiction("input", f"in tracks form at most {MOST_WINDOW} x {MOST_WINDOW}", found)
        if network.form == "rgb" and (network.height, network.width) != (small.height, small.width):
            yield Contradiction("input", "in rgb form the front end's size", found)

    def _names(self) -> Iterator[Contradiction]:
        for name in (STUDENT_FILE, GATE_FILE):
            if name not in self.files:
                yield Contradiction(f"files.{name}", "its size and digest", "nothing")
        for model in self.alternatives:
            missing = [name for name in model.files if name not in self.files]
            if missing:
                yield Contradiction(f"alternatives: {model.name}", "files that the manifest lists", missing)
        names = ["x", "logits", *(name for state in self.states for name in (state.input, state.output))]
        if len(set(names)) < len(names):
            yield Contradiction("states", "names that differ from each other and from x and logits", names[2:])

    def to_json(self) -> str:
        """The manifest as JSON, without a digest of itself; the same manifest gives the same text."""
        return json.dumps(self._document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def sealed(self) -> bytes:
        """The bytes of `manifest.json`: the same with the digest of all the rest as its last field."""
        document = self._document()
        document[DIGEST] = digest_of(document)
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        return text.encode(errors="backslashreplace")  # half a surrogate pair: the reader says which text has it

    def _document(self) -> dict[str, Any]:
        fields = dataclasses.asdict(self)
        for name in ("alternatives", "decision"):
            if not fields[name]:
                del fields[name]
        return {"format": fields.pop("format"), **fields}


def parse_manifest(text: bytes, where: str) -> Manifest:
    """Read the bytes of a `manifest.json`; `where` names it in messages.

    One with a digest of itself must have the right one; bundles made before there were any have none. Raises
    BundleError: not JSON, a key twice, another format or digest, a field missing, unknown, of another type or out of
    range.
    """
    try:
        document = json.loads(text.decode(), parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: expected JSON in UTF-8, found something else ({error}); {REMAKE}") from error
    if not isinstance(document, dict):
        raise JSON.wrong(f"{where}: top level", "an object", JSON.describe(document))
    found_format = document.get("format")
    if type(found_format) is int and not FORMAT <= found_format <= DECIDING_FORMAT:
        raise BundleError(
            f"{where}: format: expected {FORMAT} or {DECIDING_FORMAT}, found {found_format}; "
            f"{'update ellar-edge' if found_format > FORMAT else REMAKE}"
        )
    if DIGEST in document:
        found = document.pop(DIGEST)
        if found != (expected := digest_of(document)):
            raise JSON.wrong(f"{where}: {DIGEST}", f"{expected}, the digest of all the rest", JSON.describe(found))
    return build(Manifest, document, where, JSON)


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest's document without its digest; blind to the order of keys and to white space."""
    rest = {key: value for key, value in document.items() if key != DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, every key of it once: of two, readers would take either."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key[:100]!a} twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")
