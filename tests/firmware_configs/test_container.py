"""The service in a container that boots the real systemd: install, predictions, updates, a hang, errors, removal.

One boot tells the whole story (tests/firmware_configs/guest.py); every test looks at a part of its report.
"""

from __future__ import annotations

import json
from typing import Any

import cv2
import pytest

from edge.bundles.bundle import Bundle, default_bundle_path, write_bundle
from tests.edge.conftest import square
from tests.edge.run.test_renewal import with_student
from tests.firmware_configs import container
from tests.firmware_configs.guest import VARIANTS

pytestmark = pytest.mark.skipif(bool(container.why_not()), reason=f"no container: {container.why_not()}")

Report = dict[str, Any]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, loaded_bundle: Bundle) -> Report:
    folder = tmp_path_factory.mktemp("container")
    clip = folder / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 15.0, (320, 240))
    for image in square(3, 3000):  # more than the whole story takes
        writer.write(image)
    writer.release()
    write_bundle(folder / "other", loaded_bundle.manifest, loaded_bundle.files)
    bad = with_student(loaded_bundle, folder / "bad", "bad", weight=float("nan"))
    found = container.boot(folder, {"clip": clip, "other": folder / "other", "bad": bad})
    print(json.dumps({name: value for name, value in found.items() if name != "entries"}, indent=1))
    return found


def events(report: Report) -> list[str]:
    return [entry["EDGE_EVENT"] for entry in report["entries"] if entry["EDGE_TYPE"] == "event"]


def test_one_command_installs_it_and_it_predicts(report: Report) -> None:
    assert report["install"]["code"] == 0, report["install"]
    running = report["running"]
    assert (running["ActiveState"], running["SubState"], running["NRestarts"]) == ("active", "running", "0")
    assert "(gamma " in running["StatusText"]
    assert (running["Slice"], running["Nice"]) == ("edge.slice", "5")


def test_nothing_of_it_runs_as_root(report: Report) -> None:
    identity = report["identity"]
    assert all(61184 <= int(uid) <= 65519 for uid in identity["uids"])  # systemd's dynamic users
    assert (int(identity["capabilities"], 16), identity["no_new_privileges"]) == (0, "1")


def test_its_socket_is_for_its_group_and_tells_what_it_sees(report: Report) -> None:
    assert report["socket"] == "660 edge-run:ellar-edge"
    first, *others = map(json.loads, report["tail"])
    assert first["event"] == "started" and {line["type"] for line in others} == {"prediction"}


def test_a_second_installation_changes_nothing_and_keeps_the_users_configuration(report: Report) -> None:
    assert report["again"]["code"] == 0 and "nothing changed" in report["again"]["out"]
    assert report["config"].endswith("# mine\n")


def test_an_installation_whose_bundle_is_refused_leaves_it_running(report: Report) -> None:
    assert report["bad_model"]["code"] == 78 and "finite logits" in report["bad_model"]["err"]
    assert report["after_bad_model"]["MainPID"] == report["running"]["MainPID"]


def test_the_status_tells_what_it_sees_and_runs(report: Report) -> None:
    assert report["status"]["code"] == 0
    assert "active (running)" in report["status"]["out"] and "ticks/s" in report["status"]["out"]
    assert "current   the bundle of the package" in report["status"]["out"]


def test_the_journal_has_fields(report: Report) -> None:
    first = report["entries"][0]
    assert (first["EDGE_EVENT"], first["SYSLOG_IDENTIFIER"], first["PRIORITY"]) == ("started", "edge-run", "5")
    assert first["EDGE_BOARD"] and json.loads(first["MESSAGE"])["camera"] == "file:/srv/clip"
    predictions = [entry for entry in report["entries"] if entry["EDGE_TYPE"] == "prediction"]
    assert len(predictions) > 10 and {entry["PRIORITY"] for entry in predictions} == {"6", "7"}


def test_a_bundle_is_exchanged_without_a_restart(report: Report) -> None:
    assert report["update"]["code"] == 0, report["update"]
    assert "runs      tiny" in report["updated"]["out"]
    assert report["after_updates"]["MainPID"] == report["running"]["MainPID"]
    assert "camera_lost" not in events(report)
    bundles = [
        json.loads(entry["MESSAGE"])["bundle"]
        for entry in report["entries"]
        if "EDGE_EVENT" in entry and entry["EDGE_EVENT"] in ("started", "bundle_changed")
    ]
    packaged = Bundle.load(default_bundle_path()).manifest.name
    assert bundles == [packaged, "tiny", packaged]  # the last one is the rollback


def test_a_bad_bundle_changes_nothing(report: Report) -> None:
    assert report["bad_update"]["code"] == 78 and "finite logits" in report["bad_update"]["err"]
    assert "previous  the bundle of the package" in report["updated"]["out"]


def test_heat_lowers_its_work_and_is_told_by_status_and_journal(report: Report) -> None:
    assert "working less (cpu-thermal 90 degrees)" in report["hot"]["StatusText"]
    assert report["resting"]["StatusText"].startswith("resting for ")
    assert report["resting"]["MainPID"] == report["running"]["MainPID"]  # the watchdog is fed at rest, too
    told = {entry["EDGE_EVENT"]: entry for entry in report["entries"] if entry["EDGE_TYPE"] == "event"}
    assert json.loads(told["throttled"]["MESSAGE"])["level"] == "bursts" and told["throttled"]["PRIORITY"] == "4"
    assert "resting" in told


def test_a_hang_is_ended_by_the_watchdog_and_it_predicts_again(report: Report) -> None:
    assert "Watchdog timeout" in report["watchdog"]
    assert report["after_hanging"]["NRestarts"] == "1" and "ticks/s" in report["after_hanging"]["StatusText"]
    assert report["after_hanging"]["MainPID"] != report["running"]["MainPID"]


@pytest.mark.parametrize("state", ["predicting", "missing", "stalled"])
def test_it_stops_cleanly(report: Report, state: str) -> None:
    """A kill would be another result."""
    stopped = report["stopped"][state]
    assert (stopped["ActiveState"], stopped["Result"], stopped["ExecMainStatus"]) == ("inactive", "success", "0")


@pytest.mark.parametrize("state", ["missing", "stalled"])
def test_a_camera_without_pictures_is_a_healthy_state(report: Report, state: str) -> None:
    waiting = report[state]
    assert (waiting["ActiveState"], waiting["NRestarts"]) == ("active", "0")
    assert "camera lost" in waiting["StatusText"] and "waiting" in waiting["StatusText"]


def test_a_wrong_configuration_is_not_restarted(report: Report) -> None:
    wrong = report["wrong_config"]
    assert (wrong["ActiveState"], wrong["ExecMainStatus"], wrong["NRestarts"]) == ("failed", "78", "0")


def test_restarts_have_a_limit(report: Report) -> None:
    limited = report["restart_limit"]
    assert (limited["ActiveState"], limited["NRestarts"]) == ("failed", "4")


def test_it_runs_as_a_user_that_is_there_already(report: Report) -> None:
    assert report["own_user"]["code"] == 0, report["own_user"]
    identity = report["as_own_user"]
    assert set(identity["uids"]) == {"1000"} and int(identity["capabilities"], 16) == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_starts_and_predicts(report: Report, variant: str) -> None:
    found = report["variants"][variant]
    assert found["install"]["code"] == 0, found["install"]
    assert "ticks/s" in found["StatusText"] and found["MainPID"] != found["before"] and found["NRestarts"] == "0"
    assert found["ros"] == (variant == "ros2")


def test_removal_leaves_no_file(report: Report) -> None:
    assert report["uninstall"]["code"] == 0, report["uninstall"]
    left = [
        path for path in set(report["after"]) - set(report["before"]) if path not in ("/etc/udev", "/etc/udev/rules.d")
    ]
    assert left == []
    assert "was not installed" in report["uninstall_again"]["out"]
