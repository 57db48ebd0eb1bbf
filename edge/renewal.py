"""Which bundle runs: the first one at the start, another one while the camera goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge.bundle import Bundle, default_bundle_path
from edge.errors import BundleError
from edge.messages import Event
from edge.store import BundleStore

M = TypeVar("M")
ROLLED_BACK = "bundle_rolled_back"


def rolled_back(kept: Bundle, rejected: str, error: Exception) -> Event:
    """The new bundle is no good, and an older one goes on. rejected: the digest of the new one, as far as known."""
    details = {"bundle": kept.manifest.name, "digest": kept.digest, "rejected": rejected, "error": str(error)}
    return Event(ROLLED_BACK, f"bundle rolled back to {kept.manifest.name} ({kept.where}): {error}", details)


def start_with(bundle: str | None, store: str | None, make: Callable[[Bundle], M]) -> tuple[M, list[Event]]:
    """What `make` makes of the bundle to start with, and what there is to say about it.

    bundle: the user named it, and no other will do. store: its current one; where that is no good, the previous one,
    then the package's: a robot that sees with an old model is better than one that does not see. Raises what `make`
    raises, and BundleError.
    """
    if bundle or not store:
        return make(Bundle.load(Path(bundle) if bundle else default_bundle_path())), []
    shelf = BundleStore(Path(store))
    errors: list[BundleError] = []
    for find in (shelf.current, shelf.previous, default_bundle_path):
        try:
            path = find()
            if path is not None:
                loaded = Bundle.load(path)
                return make(loaded), [rolled_back(loaded, "", error) for error in errors[:1]]
        except BundleError as error:
            errors.append(error)
    raise errors[0]
