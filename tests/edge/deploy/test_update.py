"""An update is verified, tested in a process of its own, confirmed by the service, or undone."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.bundles.bundle import Bundle, write_bundle
from edge.bundles.store import BundleStore
from edge.deploy import update as update_module
from edge.deploy.update import RolledBackError, roll_back, self_test_command, update
from edge.errors import BundleError
from tests.edge.run.test_renewal import with_student


def nothing(_: object) -> None:
    """No self-test, no service."""


@pytest.fixture
def store(tmp_path: Path, tiny_bundle: Path) -> BundleStore:
    found = BundleStore(tmp_path / "store")
    update(found, tiny_bundle, nothing, nothing)
    return found


@pytest.fixture
def other(tmp_path: Path, loaded_bundle: Bundle) -> Path:
    write_bundle(tmp_path / "other", replace(loaded_bundle.manifest, name="other"), loaded_bundle.files)
    return tmp_path / "other"


@pytest.fixture
def check(tmp_path: Path) -> Callable[[Path], None]:
    """The real self-test, by the real program."""
    config = tmp_path / "edge.yaml"
    config.write_text("camera: demo\n")
    return self_test_command(
        [sys.executable, "-c", "import sys; from edge.run.cli import main; sys.exit(main())"], config
    )


def running(store: BundleStore) -> str | None:
    current = store.current()
    return None if current is None else Bundle.load(current).manifest.name


def test_a_good_bundle_passes_its_self_test(store: BundleStore, other: Path, check: Callable[[Path], None]) -> None:
    assert update(store, other, check, nothing) is not None
    assert running(store) == "other"
    assert update(store, other, check, nothing) is None  # current already


def test_one_that_answers_nonsense_is_discarded(
    store: BundleStore, loaded_bundle: Bundle, tmp_path: Path, check: Callable[[Path], None]
) -> None:
    blind = with_student(loaded_bundle, tmp_path / "blind", "blind", weight=float("nan"))
    with pytest.raises(BundleError, match="self-test: expected finite logits"):
        update(store, blind, check, nothing)
    assert running(store) == "tiny"
    assert len(list((store.root / "versions").iterdir())) == 1


def test_a_self_test_that_crashes_does_not_take_the_update_with_it(
    store: BundleStore, other: Path, tmp_path: Path
) -> None:
    crash = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGILL)"]
    with pytest.raises(BundleError, match="ended by signal 4; the engine crashed"):
        update(store, other, self_test_command(crash, tmp_path / "none"), nothing)
    with pytest.raises(BundleError, match="the self-test did not run"):
        update(store, other, self_test_command([str(tmp_path / "none")], tmp_path / "none"), nothing)
    assert running(store) == "tiny"


def test_a_service_that_refuses_it_gets_the_old_one_back(store: BundleStore, other: Path) -> None:
    seen = []

    def refuse(digest: str) -> None:
        seen.append((digest, running(store)))
        raise BundleError("the model does not load")

    with pytest.raises(RolledBackError, match="bundle_rolled_back: the model does not load"):
        update(store, other, nothing, refuse)
    assert seen == [(Bundle.load(other).digest, "other")]  # it was current when the service was asked
    assert running(store) == "tiny" and len(list((store.root / "versions").iterdir())) == 1


def test_after_an_update_that_was_killed_the_service_is_asked_again(
    store: BundleStore, other: Path, tiny_bundle: Path
) -> None:
    asked: list[str] = []
    assert update(store, tiny_bundle, nothing, asked.append) is None
    assert asked == [Bundle.load(tiny_bundle).digest] and running(store) == "tiny"

    def refuse(_: str) -> None:
        raise BundleError("the model does not load")

    update(store, other, nothing, nothing)
    with pytest.raises(RolledBackError):
        update(store, other, nothing, refuse)
    assert running(store) == "tiny"


def test_back_to_the_previous_one_and_to_the_packages(store: BundleStore, other: Path, tiny_bundle: Path) -> None:
    update(store, other, nothing, nothing)
    asked: list[str] = []
    roll_back(store, asked.append)
    assert running(store) == "tiny" and asked == [Bundle.load(tiny_bundle).digest]
    assert roll_back(store, asked.append) is None
    assert running(store) is None


def answer_later(record: Path, **fields: str) -> Callable[[], object]:
    """A service that answers a reload after a moment, as the real one does."""

    def reload() -> None:
        threading.Timer(0.3, lambda: record.write_text(json.dumps(fields))).start()

    return reload


def test_the_services_answer_is_waited_for(tmp_path: Path) -> None:
    record = tmp_path / "bundle.json"
    record.write_text(json.dumps({"digest": "old"}))
    update_module._ask(record, answer_later(record, digest="new"), "new")
    with pytest.raises(BundleError, match="finite logits"):
        update_module._ask(record, answer_later(record, digest="new", rejected="bad", error="finite logits"), "bad")
    update_module._ask(record, pytest.fail, "new")  # it runs already, and is not disturbed
    begin_s = time.monotonic()
    update_module._ask(record, answer_later(record, digest="any"), "")  # the package's: whatever it is
    assert time.monotonic() - begin_s >= 0.3


def test_a_service_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update_module, "ANSWER_S", 0.5)
    with pytest.raises(BundleError, match="did not take it within"):
        update_module._ask(tmp_path / "none.json", lambda: None, "new")
