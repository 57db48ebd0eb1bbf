"""What every engine's student has in common: buffers, states that take turns, checks at its edges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import REMAKE, STUDENT_FILE
from edge.errors import BundleError, EdgeError, EngineError
from edge.printable import one_line

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
LONGEST_REASON = 500  # characters of what an engine says
Tensor = tuple[str, tuple[int, ...]]  # NumPy's name of the type, shape


class StudentSession(ABC):
    """One stream through the network of a bundle, tick by tick.

    All tensors live in buffers bound once: two sets of states take turns as input and output, so a tick copies
    nothing but `x` and the logits. engine: its name and version, for people.
    """

    engine: str

    def __init__(self, bundle: Bundle) -> None:
        manifest = bundle.manifest
        self._where, self._answered = bundle.where, False
        self.heads, self.classes = len(manifest.gate.gammas), len(manifest.labels)
        size = manifest.input
        self._specs = manifest.states
        self._x = self._allocate((1, size.height, size.width, 3), "uint8")
        self._logits = self._allocate((1, self.heads, self.classes), "float32")
        self._states = [[self._allocate(s.shape, s.dtype) for s in self._specs] for _ in range(2)]
        self.reset()

    def reset(self) -> None:
        """Start a new stream: every state takes its start value."""
        self._turn = 0
        for state, spec in zip(self._states[0], self._specs, strict=True):
            state.fill(spec.start)

    def kept(self) -> list[npt.NDArray[np.generic]]:
        """Copies of the states after the last step, with which `resume` goes on: a few thousand bytes each."""
        return [state.copy() for state in self._states[self._turn]]

    def resume(self, states: Sequence[npt.NDArray[np.generic]] | None) -> None:
        """Go on with what `kept` gave; None: with a new stream."""
        if states is None:
            self.reset()
            return
        for state, kept in zip(self._states[self._turn], states, strict=True):
            np.copyto(state, kept)

    def step(self, x: U8) -> F32:
        """One tick: x uint8 [1,H,W,3] -> logits float32 [heads, classes].

        Raises ValueError for another x, BundleError where the model cannot be run, EngineError where the machine fails.
        """
        if x.shape != self._x.shape or x.dtype != np.uint8:
            raise ValueError(f"x: expected uint8 {list(self._x.shape)}, found {x.dtype} {list(x.shape)}")
        np.copyto(self._x, x)
        try:
            self._run(self._turn)
        except EdgeError:
            raise
        except Exception as error:  # the engines' own classes, which share no base but Exception
            raise self._failed(error) from error
        self._answered = True
        self._turn = 1 - self._turn
        return np.array(self._logits[0])

    def _failed(self, error: Exception) -> EdgeError:
        """A model that no machine can run; or, where it has run here before, a machine that is out of memory."""
        reason = _reason(error)
        if self._answered and ("alloc" in reason or isinstance(error, MemoryError)):
            return EngineError(f"{self.engine}: a step failed ({reason}); the machine is short of memory")
        return BundleError(f"{self._where}: {STUDENT_FILE}: {self.engine} cannot run it ({reason}); {REMAKE}")

    @abstractmethod
    def _run(self, turn: int) -> None:
        """x and the states of this turn in; logits and the other set of states out."""

    def _allocate(self, shape: tuple[int, ...], dtype: str) -> npt.NDArray[np.generic]:
        """A buffer that the engine reads and writes in place."""
        return np.zeros(shape, dtype)

    def _buffers(self, turn: int) -> tuple[dict[str, npt.NDArray[np.generic]], dict[str, npt.NDArray[np.generic]]]:
        """Inputs and outputs of this turn, by the model's names."""
        inputs, outputs = {"x": self._x}, {"logits": self._logits}
        for spec, before, after in zip(self._specs, self._states[turn], self._states[1 - turn], strict=True):
            inputs[spec.input], outputs[spec.output] = before, after
        return inputs, outputs


def check_interface(bundle: Bundle, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> None:
    """Compare what an engine found in a model with the manifest. Raises BundleError."""
    manifest = bundle.manifest
    states = manifest.states
    x = ("uint8", (1, manifest.input.height, manifest.input.width, 3))
    logits = ("float32", (1, len(manifest.gate.gammas), len(manifest.labels)))
    wanted_inputs = {"x": x, **{s.input: (s.dtype, s.shape) for s in states}}
    wanted_outputs = {"logits": logits, **{s.output: (s.dtype, s.shape) for s in states}}
    for kind, wanted, found in (("input", wanted_inputs, inputs), ("output", wanted_outputs, outputs)):
        for name in sorted(set(wanted) | set(found)):
            if found.get(name) != wanted.get(name):
                raise BundleError(
                    f"{bundle.where}: {STUDENT_FILE}: {kind} {name}: expected {_describe(wanted.get(name))} "
                    f"as in the manifest, found {_describe(found.get(name))}; {REMAKE}"
                )


def unloadable(bundle: Bundle, engine: str, error: Exception) -> EdgeError:
    """The error for a model that an engine (its name and version) refuses, or has no threads for."""
    if "pthread_create failed" in str(error):
        return EngineError(f"{engine}: no thread is to be had; take fewer (--threads), or see ulimit -u and TasksMax=")
    return BundleError(
        f"{bundle.where}: {STUDENT_FILE}: {engine} cannot load it ({_reason(error)}); "
        f"update {engine.split()[0]}, or make the bundle again"
    )


def _reason(error: Exception) -> str:
    """The first line of an engine's error that says something; names of a model's nodes stand in it."""
    lines = (line.strip() for line in str(error).splitlines())
    reason = next((line for line in lines if line and not line.startswith("Exception from ")), type(error).__name__)
    return one_line(reason[:LONGEST_REASON])


def _describe(tensor: Tensor | None) -> str:
    return f"{tensor[0]} {list(tensor[1])}" if tensor else "nothing"
