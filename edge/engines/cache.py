"""What is made once on a board and kept: bytes under a key, written whole or not at all, verified when read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.files import replace_file
from edge.paths import cache_folder


@dataclass(frozen=True)
class Key:
    """All that the bytes depend on; where one of these differs they are made again.

    what: `engine` (a built one) or `choice`. bundle: digest of the bundle. engine: names and versions. device: what it
    runs on, with the number of threads.
    """

    what: str
    bundle: str
    engine: str
    device: str

    @property
    def file_name(self) -> str:
        """`engine-<24 hexadecimal digits>`."""
        return f"{self.what}-{hashlib.sha256(self._text()).hexdigest()[:24]}"

    def header(self, payload: bytes) -> bytes:
        """The first line of its file: the key, and the payload's digest."""
        return self._text() + b" " + hashlib.sha256(payload).hexdigest().encode() + b"\n"

    def _text(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()


class Cache:
    """A folder of such files. It may be deleted at any time; what cannot be kept is made again next time.

    folder: None is a user without a home, for whom nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def path(self, key: Key) -> Path | None:
        """Where the bytes of this key lie, or would; None where nothing is kept."""
        return None if self.folder is None else self.folder / key.file_name

    def get(self, key: Key) -> bytes | None:
        """The bytes, or None: never made, of another key, or damaged."""
        path = self.path(key)
        if path is None:
            return None
        try:
            header, _, payload = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        return payload if header + b"\n" == key.header(payload) else None

    def put(self, key: Key, payload: bytes) -> str | None:
        """Keep the bytes; returns None, or why they cannot be kept (a read-only disk is no reason not to run)."""
        path = self.path(key)
        if path is None:
            return "this user has no home directory; name one: XDG_CACHE_HOME=DIR"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, key.header(payload) + payload)
        except OSError as error:
            return f"{self.folder}: {error.strerror}"
        return None

    def fetch(self, key: Key, make: Callable[[], bytes], say: Callable[[str], None]) -> bytes:
        """The bytes of this key, made now if they are not there. say: gets a sentence where they cannot be kept."""
        payload = self.get(key)
        if payload is None:
            payload = make()
            reason = self.put(key, payload)
            if reason is not None:
                say(f"not kept for the next start ({reason})")
        return payload


def default_cache() -> Cache:
    """The service's own folder (systemd's CacheDirectory= or StateDirectory=), or the user's."""
    for variable in ("CACHE_DIRECTORY", "STATE_DIRECTORY"):
        if folder := os.environ.get(variable):
            return Cache(Path(folder.partition(":")[0]) / "engines")
    ours = cache_folder()
    return Cache(None if ours is None else ours / "engines")
