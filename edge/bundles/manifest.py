"""The bundle's manifest: frozen dataclasses, read from JSON with every field checked, and written back."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edge.errors import BundleError

FORMAT = 1
STUDENT_FILE = "student.onnx"
GATE_FILE = "gate.npz"
GATE_WEIGHTS = ("w1", "b1", "w2", "b2", "w3", "b3")  # its arrays: edge/recognition/gate.py says what they are
TARGETS = ("x86", "arm", "jetson", "openvino")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # no separator, no leading dot: it cannot leave the bundle
MODEL_SUFFIXES = {"onnxruntime": ("onnx",), "openvino": ("xml", "bin")}
REMAKE = "make the bundle again, or fetch it again if it came from elsewhere"

T = TypeVar("T")


@dataclass(frozen=True)
class FrontEndSpec:
    """Size of the small frame, the convention of its statistics (docs/architecture.md), and how many bits of fractions
    of a level are kept for the motion stage: 0 or 4.
    """

    height: int
    width: int
    statistics: str = "pixel"
    fraction_bits: int = 0


@dataclass(frozen=True)
class InputSpec:
    """What `x` is (edge/inputs): its form, its size, levels of uint8 per pixel of velocity."""

    form: str
    height: int
    width: int
    levels_per_pixel: float


@dataclass(frozen=True)
class CadenceSpec:
    """Time between ticks, how late a frame may be, and the gap after which the state starts anew."""

    interval_ms: float
    tolerance_ms: float
    reset_after_ms: float


@dataclass(frozen=True)
class ExpertSpec:
    """How one expert of the `change_flow` form trades sharpness for signal: pixels averaged (binning x binning), frames
    averaged (accumulation), and over how many ticks motion is measured (stride).
    """

    binning: int = 1
    accumulation: int = 1
    stride: int = 1


@dataclass(frozen=True)
class GateSpec:
    """gammas: one per head; window: ticks of statistics that the gate sees; hold: its hysteresis in ticks.

    experts: for the `change_flow` form, one per gamma.
    """

    gammas: tuple[float, ...]
    window: int
    hold: int
    experts: tuple[ExpertSpec, ...] = ()


@dataclass(frozen=True)
class SmoothingSpec:
    """Averaging of the probabilities over time, and when to abstain."""

    window_ms: float
    minimum_confidence: float
    warm_up_ms: float


@dataclass(frozen=True)
class StateSpec:
    """One recurrent tensor: enters the model as `input`, leaves it as `output`, every element starts as `start`."""

    input: str
    output: str
    shape: tuple[int, ...]
    dtype: str
    start: float


@dataclass(frozen=True)
class ModelSpec:
    """Another form of the same student, which a device may prefer to `student.onnx`.

    engine: the one that reads it, `onnxruntime` (one ONNX file) or `openvino` (an IR: .xml and .bin). states: as it
    takes and gives them, which may differ from the default form's in dtype and start.
    """

    name: str
    engine: str
    files: tuple[str, ...]
    states: tuple[StateSpec, ...]


@dataclass(frozen=True)
class Accuracy:
    """One measurement; top1, macro and interval95 (Wilson, of top1) are fractions of 1."""

    what: str
    data: str
    command: str
    top1: float
    macro: float
    interval95: tuple[float, float]
    clips: int


@dataclass(frozen=True)
class DataSource:
    """Data that the weights were made from."""

    name: str
    licence: str


@dataclass(frozen=True)
class Provenance:
    """Where the weights come from; notes are for people (what quantize measured, that a gate was forced)."""

    data: tuple[DataSource, ...]
    recipe: str
    seed: int
    revision: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileDigest:
    """Size and SHA-256 of a file of the bundle."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """All of `manifest.json`. `files` is filled in by `write_bundle`."""

    name: str
    precision: str
    target: str
    labels: tuple[str, ...]
    front_end: FrontEndSpec
    input: InputSpec
    cadence: CadenceSpec
    gate: GateSpec
    smoothing: SmoothingSpec
    states: tuple[StateSpec, ...]
    accuracy: tuple[Accuracy, ...]
    provenance: Provenance
    files: dict[str, FileDigest] = field(default_factory=dict)
    format: int = FORMAT
    alternatives: tuple[ModelSpec, ...] = ()

    def to_json(self) -> str:
        """The text of `manifest.json`; the same manifest gives the same text."""
        fields = dataclasses.asdict(self)
        if not self.alternatives:
            del fields["alternatives"]
        ordered = {"format": fields.pop("format"), **fields}
        return json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def parse_manifest(text: bytes, where: str) -> Manifest:
    """Read the bytes of a `manifest.json`; `where` names it in messages.

    Raises BundleError: not JSON, another format, a field missing, unknown, of another type or out of range.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: expected JSON in UTF-8, found something else ({error}); {REMAKE}") from error
    top = _Section(document, where)
    found_format = top.integer("format", 0)
    if found_format != FORMAT:
        raise BundleError(
            f"{where}: format: expected {FORMAT}, found {found_format}; "
            f"{'update ellar-edge' if found_format > FORMAT else REMAKE}"
        )
    manifest = Manifest(
        name=top.text("name"),
        precision=top.choice("precision", ("float32", "int8")),
        target=top.choice("target", ("any", *TARGETS)),
        labels=top.texts("labels"),
        front_end=top.section("front_end", _front_end),
        input=top.section("input", _input),
        cadence=top.section("cadence", _cadence),
        gate=top.section("gate", _gate),
        smoothing=top.section("smoothing", _smoothing),
        states=top.sections("states", _state),
        accuracy=top.sections("accuracy", _accuracy),
        provenance=top.section("provenance", _provenance),
        files=top.section("files", _files),
        alternatives=top.sections("alternatives", _model) if top.has("alternatives") else (),
    )
    top.done()
    _check_relations(manifest, where)
    return manifest


def _front_end(section: _Section) -> FrontEndSpec:
    return FrontEndSpec(
        section.integer("height", 8, 4096),
        section.integer("width", 8, 4096),
        section.choice("statistics", ("pixel",)),
        section.integer("fraction_bits", 0, 4) if section.has("fraction_bits") else 0,
    )


def _input(section: _Section) -> InputSpec:
    return InputSpec(
        section.choice("form", ("change_flow", "luma_flow", "rgb")),
        section.integer("height", 8, 4096),
        section.integer("width", 8, 4096),
        section.number("levels_per_pixel", 1e-3, 255.0),
    )


def _cadence(section: _Section) -> CadenceSpec:
    return CadenceSpec(
        section.number("interval_ms", 1.0, 10_000.0),
        section.number("tolerance_ms", 0.0, 10_000.0),
        section.number("reset_after_ms", 1.0, 600_000.0),
    )


def _gate(section: _Section) -> GateSpec:
    return GateSpec(
        section.numbers("gammas", 0.05, 20.0),
        section.integer("window", 1, 1024),
        section.integer("hold", 1, 1024),
        section.sections("experts", _expert) if section.has("experts") else (),
    )


def _expert(section: _Section) -> ExpertSpec:
    return ExpertSpec(
        section.integer("binning", 1, 8), section.integer("accumulation", 1, 16), section.integer("stride", 1, 16)
    )


def _smoothing(section: _Section) -> SmoothingSpec:
    return SmoothingSpec(
        section.number("window_ms", 1.0, 600_000.0),
        section.number("minimum_confidence", 0.0, 1.0),
        section.number("warm_up_ms", 0.0, 600_000.0),
    )


def _state(section: _Section) -> StateSpec:
    limits = {"float32": (-1e6, 1e6), "uint8": (0, 255), "int8": (-128, 127)}
    dtype = section.choice("dtype", tuple(limits))
    shape = section.integers("shape", 1, 65_536)
    start = section.number("start", *limits[dtype])
    return StateSpec(section.text("input"), section.text("output"), shape, dtype, start)


def _model(section: _Section) -> ModelSpec:
    engine = section.choice("engine", tuple(MODEL_SUFFIXES))
    files = section.texts("files")
    if tuple(name.rpartition(".")[2] for name in files) != MODEL_SUFFIXES[engine]:
        expected = " and ".join(f".{suffix}" for suffix in MODEL_SUFFIXES[engine])
        raise section.wrong("files", f"for {engine} one file of each kind, {expected}", list(files))
    return ModelSpec(section.text("name"), engine, files, section.sections("states", _state))


def _accuracy(section: _Section) -> Accuracy:
    interval = section.numbers("interval95", 0.0, 1.0)
    if len(interval) != 2 or interval[0] > interval[1]:
        raise section.wrong("interval95", "two fractions, the lower first", list(interval))
    return Accuracy(
        section.text("what"),
        section.text("data"),
        section.text("command"),
        section.number("top1", 0.0, 1.0),
        section.number("macro", 0.0, 1.0),
        (interval[0], interval[1]),
        section.integer("clips", 0),
    )


def _provenance(section: _Section) -> Provenance:
    return Provenance(
        section.sections("data", lambda source: DataSource(source.text("name"), source.text("licence"))),
        section.text("recipe"),
        section.integer("seed"),
        section.text("revision"),
        section.texts("notes") if section.has("notes") else (),
    )


def _files(section: _Section) -> dict[str, FileDigest]:
    for name in section.names():
        if not FILE_NAME.fullmatch(name):
            raise section.wrong(name, "a plain file name (letters, digits, . _ -), no folder and no '..'", name)
    for name in (STUDENT_FILE, GATE_FILE):
        if not section.has(name):
            raise section.wrong(name, "its size and digest", "nothing")
    return {name: section.section(name, _digest) for name in section.names()}


def _digest(section: _Section) -> FileDigest:
    sha256 = section.text("sha256")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise section.wrong("sha256", "64 lower-case hexadecimal digits", sha256)
    return FileDigest(sha256, section.integer("bytes", 0))


def _check_relations(manifest: Manifest, where: str) -> None:
    """What no field can tell alone."""

    def check(holds: bool, key: str, expected: str, found: object) -> None:
        if not holds:
            raise BundleError(f"{where}: {key}: expected {expected}, found {found}; {REMAKE}")

    labels, gammas = manifest.labels, manifest.gate.gammas
    check(len(labels) >= 2 and len(set(labels)) == len(labels), "labels", "two or more, none twice", list(labels))
    check(len(gammas) >= 1 and len(set(gammas)) == len(gammas), "gate.gammas", "one or more, none twice", list(gammas))
    small, network = manifest.front_end, manifest.input
    bits = small.fraction_bits
    check(bits in (0, 4), "front_end.fraction_bits", "0 or 4", bits)
    experts = len(gammas) if network.form == "change_flow" else 0
    check(len(manifest.gate.experts) == experts, "gate.experts", f"{experts}", len(manifest.gate.experts))
    fits = network.height <= small.height and network.width <= small.width
    check(
        fits, "input", f"at most the front end's {small.height} x {small.width}", f"{network.height} x {network.width}"
    )
    same = (network.height, network.width) == (small.height, small.width)
    check(
        network.form != "rgb" or same,
        "input",
        "in rgb form the front end's size",
        f"{network.height} x {network.width}",
    )
    cadence = manifest.cadence
    check(
        cadence.reset_after_ms >= cadence.interval_ms,
        "cadence.reset_after_ms",
        f"at least interval_ms ({cadence.interval_ms})",
        cadence.reset_after_ms,
    )
    for model in manifest.alternatives:
        missing = [name for name in model.files if name not in manifest.files]
        check(not missing, f"alternatives: {model.name}", "files that the manifest lists", missing)
    names = ["x", "logits", *(name for state in manifest.states for name in (state.input, state.output))]
    check(len(set(names)) == len(names), "states", "names that differ from each other and from x and logits", names[2:])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


class _Section:
    """A JSON object being read: each getter takes one key, checks its type and range, and names its place in errors."""

    def __init__(self, value: object, where: str, path: str = "") -> None:
        self._where, self._path = where, path
        if not isinstance(value, dict):
            raise BundleError(f"{where}: {path or 'top level'}: expected an object, found {_kind(value)}; {REMAKE}")
        self._values: dict[str, Any] = value
        self._taken: set[str] = set()

    def wrong(self, key: str, expected: str, found: object) -> BundleError:
        """The error for a key; the caller raises it."""
        return BundleError(f"{self._where}: {self._at(key)}: expected {expected}, found {found!r}; {REMAKE}")

    def names(self) -> list[str]:
        return list(self._values)

    def has(self, key: str) -> bool:
        return key in self._values

    def done(self) -> None:
        """Refuse keys that nobody asked for: a misspelt one must not be ignored silently."""
        unknown = sorted(set(self._values) - self._taken)
        if unknown:
            known = ", ".join(sorted(self._taken))
            raise self.wrong(unknown[0], f"no such key (known here: {known})", self._values[unknown[0]])

    def text(self, key: str) -> str:
        return self._text(key, self._take(key))

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(self._text(f"{key}[{i}]", value) for i, value in enumerate(self._list(key)))

    def choice(self, key: str, options: Sequence[str]) -> str:
        value = self._take(key)
        if value not in options:
            raise self.wrong(key, "one of " + ", ".join(options), value)
        return str(value)

    def integer(self, key: str, low: int = -(2**63), high: int = 2**63 - 1) -> int:
        return int(self._number(key, self._take(key), low, high, whole=True))

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        values = enumerate(self._list(key))
        return tuple(int(self._number(f"{key}[{i}]", value, low, high, whole=True)) for i, value in values)

    def number(self, key: str, low: float, high: float) -> float:
        return self._number(key, self._take(key), low, high)

    def numbers(self, key: str, low: float, high: float) -> tuple[float, ...]:
        return tuple(self._number(f"{key}[{i}]", value, low, high) for i, value in enumerate(self._list(key)))

    def section(self, key: str, read: Callable[[_Section], T]) -> T:
        return self._read(self._take(key), self._at(key), read)

    def sections(self, key: str, read: Callable[[_Section], T]) -> tuple[T, ...]:
        return tuple(self._read(value, self._at(f"{key}[{i}]"), read) for i, value in enumerate(self._list(key)))

    def _read(self, value: object, path: str, read: Callable[[_Section], T]) -> T:
        section = _Section(value, self._where, path)
        result = read(section)
        section.done()
        return result

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _take(self, key: str) -> Any:
        if key not in self._values:
            raise self.wrong(key, "a value", "nothing")
        self._taken.add(key)
        return self._values[key]

    def _list(self, key: str) -> Iterable[Any]:
        value = self._take(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list", value)
        return value

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "a text that is not empty", value)
        return value

    def _number(self, key: str, value: object, low: float, high: float, whole: bool = False) -> float:
        kinds = (int,) if whole else (int, float)
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:  # type: ignore[operator]
            kind = "a whole number" if whole else "a number"
            raise self.wrong(key, f"{kind} from {low} to {high}", value)
        return value  # type: ignore[return-value]


def _kind(value: object) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number")
