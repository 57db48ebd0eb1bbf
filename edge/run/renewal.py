"""Which bundle runs: the first one at the start, another one while the camera goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edge.bundles.bundle import Bundle, default_bundle_path
from edge.bundles.store import BundleStore, load_bundle
from edge.errors import BundleError, EdgeError, EngineError
from edge.messages import ROLLED_BACK, Event
from edge.paths import user_path
from edge.printable import one_line
from edge.recognition.chain import Chain
from edge.run.self_test import self_test

M = TypeVar("M")


def bundle_path(bundle: str | None, store: str | None) -> Path:
    """What shall run: the named bundle, else the store's current one, else the package's. Raises BundleError."""
    if bundle:
        return user_path(bundle)
    return (BundleStore(user_path(store)).current() if store else None) or default_bundle_path()


def start_with(
    bundle: str | None, store: str | None, make: Callable[[Bundle], M], failed: Mapping[str, BundleError] | None = None
) -> tuple[M, list[Event]]:
    """What `make` makes of the bundle to start with, and what there is to say about it.

    bundle: the user named it, and no other will do. store: its current one; where that is no good, the previous one,
    then the package's: a robot that sees with an old model is better than one that does not see. failed: what has been
    tried and did not work, by digest. Raises what `make` raises, and BundleError.
    """
    failed = failed or {}
    if bundle or not store:
        return make(load_bundle(bundle_path(bundle, store))), []
    shelf = BundleStore(user_path(store))
    errors: list[BundleError] = []
    for find in (shelf.current, shelf.previous, default_bundle_path):
        try:
            path = find()
            if path is not None:
                loaded = load_bundle(path)
                if loaded.digest in failed:
                    raise failed[loaded.digest]
                return make(loaded), [rolled_back(loaded, error) for error in errors[:1]]
        except BundleError as error:
            errors.append(error)
    raise errors[0]


def rolled_back(kept: Bundle, error: Exception, rejected: str = "") -> Event:
    """The new bundle is no good, and an older one goes on. rejected: the new one's digest, as far as it is known."""
    details = {"bundle": kept.manifest.name, "digest": kept.digest, "rejected": rejected, "error": str(error)}
    return Event(ROLLED_BACK, f"bundle rolled back to {kept.manifest.name}: {error}", details)


@dataclass(frozen=True)
class RenewalResult:
    """The answer to a request: the chain of a bundle that passed its self-test, or the error. digest: if known."""

    digest: str = ""
    chain: Chain | None = None
    error: EdgeError | None = None


class Renewal:
    """Loads and tests a bundle in a thread of its own while the old one runs: the camera's next frame is not missed.

    find: the bundle that shall run now. test, make: build the chain for the self-test, and the one that will run.
    """

    def __init__(
        self, find: Callable[[], Path], test: Callable[[Bundle], Chain], make: Callable[[Bundle], Chain]
    ) -> None:
        self._find, self._test, self._make = find, test, make
        self._requested = False
        self._thread: threading.Thread | None = None
        self._result: RenewalResult | None = None

    def request(self) -> None:
        """Ask for it; safe in a signal handler, which must not take a lock."""
        self._requested = True

    def poll(self) -> RenewalResult | None:
        """The answer, once; to be called between two frames."""
        if self._thread is None and self._requested:
            self._requested = False
            thread = threading.Thread(target=self._run, name="renewal", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                refused = EngineError(f"no thread is to be had for the new bundle ({error}); ask again")
                return RenewalResult(error=refused)
            self._thread = thread
        if self._thread is None or self._thread.is_alive():
            return None
        result, self._result, self._thread = self._result, None, None
        return result

    def _run(self) -> None:
        digest = ""
        try:
            bundle = load_bundle(self._find())
            digest = bundle.digest
            self_test(bundle, self._test)
            self._result = RenewalResult(digest, self._make(bundle))
        except EdgeError as error:
            self._result = RenewalResult(digest, error=error)
        except Exception as error:  # a thread's exception would be lost, and the service would wait for ever
            self._result = RenewalResult(digest, error=BundleError(one_line(f"{type(error).__name__}: {error}")))
