"""Which clips a bundle has learnt from, by what they show: they lie beside its student, and are no test of it.

A clip is known by its first frames, and one that is rendered from a recording by the recording, too
(`Clip.rendered_from`): what was learnt is a person and a motion, and another light on them is no other person.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edge.bundles.bundle import Bundle
from edge.errors import BundleError
from edge.picture.frame import Frame

LEARNT_FILE = "learnt.json"  # a file of the bundle like any other: listed in the manifest with size and digest
FIRST_FRAMES = 8  # noise and codec make them unlike those of any other clip
DIGEST_BYTES = 8  # of a million clips, two differ with a chance of 1 - 3e-8
ROLES = ("training", "calibration")


class Fingerprint:
    """Of a clip: a digest of its first frames as they were decoded, whatever file or container they came from."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._left = FIRST_FRAMES

    def add(self, frame: Frame) -> None:
        """Take the clip's next frame."""
        if self._left:
            self._left -= 1
            self._hash.update(repr((frame.format, frame.image.dtype.str, frame.image.shape)).encode())
            self._hash.update(np.ascontiguousarray(frame.image).data)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, each taken as it passes."""
        for frame in frames:
            self.add(frame)
            yield frame

    @property
    def value(self) -> str:
        """Hexadecimal, of the frames so far."""
        return self._hash.hexdigest()


@dataclass(frozen=True)
class LearntClips:
    """Fingerprints of the clips, and of the recordings, that weights were trained on; of the clips that ranges were
    calibrated on, which keep nothing of a person.
    """

    training: frozenset[str] = frozenset()
    calibration: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bundle: Bundle) -> LearntClips:
        """What a bundle says of itself; a bundle without the file says nothing. Raises BundleError."""
        data = bundle.files.get(LEARNT_FILE)
        return cls() if data is None else cls.of_bytes(data, f"{bundle.where}: {LEARNT_FILE}")

    @classmethod
    def of_bytes(cls, data: bytes, where: str) -> LearntClips:
        """What `to_bytes` gave. Raises BundleError that names `where`."""
        try:
            document = json.loads(data)
            return cls(**{role: _unpacked(document[role]) for role in ROLES})
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(
                f"{where}: expected fingerprints of clips under {' and '.join(ROLES)}, found something else ({error}); "
                "make the bundle again"
            ) from error

    def to_bytes(self) -> bytes:
        """The file; the same clips give the same bytes."""
        return (json.dumps({role: _packed(getattr(self, role)) for role in ROLES}, indent=1) + "\n").encode()

    def role(self, fingerprint: str) -> str:
        """`training`, `calibration`, or nothing for a clip that the bundle has not met."""
        return next((role for role in ROLES if fingerprint in getattr(self, role)), "")


def _packed(fingerprints: frozenset[str]) -> str:
    return base64.b64encode(bytes.fromhex("".join(sorted(fingerprints)))).decode()


def _unpacked(text: str) -> frozenset[str]:
    data = base64.b64decode(text, validate=True)
    if len(data) % DIGEST_BYTES:
        raise ValueError(f"{len(data)} bytes are no whole number of fingerprints")
    return frozenset(data[i : i + DIGEST_BYTES].hex() for i in range(0, len(data), DIGEST_BYTES))
