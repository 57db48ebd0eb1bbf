"""Heat, supply and throttling, read from trees that look like boards'."""

from __future__ import annotations

from pathlib import Path

from edge.board.profile import board_profile
from edge.board.state import BoardState, BoardWatch
from tests.edge.board_trees import orin_nano, pi5, write


def watch(root: Path) -> BoardWatch:
    return BoardWatch(board_profile(root=root), root)


def test_a_cool_pi(tmp_path: Path) -> None:
    found = watch(pi5(tmp_path, celsius=48.3))
    assert found.read() == BoardState(temperatures_c={"cpu-thermal": 48.3})
    assert [(zone.slow_c, zone.rest_c) for zone in found.zones] == [(75.0, 82.0)]


def test_the_firmwares_bits_and_the_alarm_of_a_pi(tmp_path: Path) -> None:
    state = watch(pi5(tmp_path, flags=0x50005, alarm=1)).read()
    assert (state.flags, state.undervoltage) == (0x50005, True)


def test_a_jetsons_limits_are_its_kernels_trip_points(tmp_path: Path) -> None:
    found = watch(orin_nano(tmp_path))
    assert [(zone.name, zone.slow_c, zone.rest_c) for zone in found.zones] == [("cpu-thermal", 94.0, 99.0)]


def test_a_fan_is_no_throttling(tmp_path: Path) -> None:
    assert watch(orin_nano(tmp_path)).read().cooling == ()
    orin_nano(tmp_path, clocks_down=3, events=2)
    state = watch(tmp_path).read()
    assert (state.cooling, state.events) == (("cpufreq-cpu0",), 2)


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    found = BoardWatch(board_profile("generic_arm64"), tmp_path)
    assert (found.sources, found.read()) == (0, BoardState())


def test_a_sensor_that_sleeps_and_a_placeholder_of_a_trip_point(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    write(
        tmp_path,
        {
            f"{zone}/type": "x86_pkg_temp",
            f"{zone}/temp": "",
            f"{zone}/trip_point_0_type": "passive",
            f"{zone}/trip_point_0_temp": "0",
        },
    )
    found = BoardWatch(board_profile("generic_x86"), tmp_path)
    assert found.zones[0].slow_c is None
    assert found.read().temperatures_c == {}
