"""Trees that look like the /sys and /proc of a Raspberry Pi and of a Jetson. Made at a desk, not on a board."""

from __future__ import annotations

from pathlib import Path


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def pi5(root: Path, *, celsius: float = 50.0, flags: int = 0, alarm: int = 0) -> Path:
    return write(
        root,
        {
            "proc/device-tree/compatible": "raspberrypi,5-model-b\0brcm,bcm2712\0",
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull crc32 atomics asimddp\n",
            "sys/devices/system/cpu/online": "0-3\n",
            "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "ondemand\n",
            "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": f"{celsius * 1e3:.0f}\n",
            "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
            "sys/class/thermal/cooling_device0/cur_state": "2\n",
            "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": f"{flags:x}\n",
            "sys/class/hwmon/hwmon2/name": "rpi_volt\n",
            "sys/class/hwmon/hwmon2/in0_lcrit_alarm": f"{alarm}\n",
            "dev/watchdog": "",
        },
    )


def orin_nano(root: Path, *, celsius: float = 50.0, clocks_down: int = 0, events: int = 0) -> Path:
    return write(
        root,
        {
            "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0",
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
            "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp\n",
            "sys/devices/system/cpu/online": "0-3\n",
            "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "schedutil\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": f"{celsius * 1e3:.0f}\n",
            "sys/class/thermal/thermal_zone0/trip_point_0_type": "active\n",
            "sys/class/thermal/thermal_zone0/trip_point_0_temp": "51000\n",
            "sys/class/thermal/thermal_zone0/trip_point_1_type": "passive\n",
            "sys/class/thermal/thermal_zone0/trip_point_1_temp": "99000\n",
            "sys/class/thermal/thermal_zone9/type": "PMIC-Die\n",
            "sys/class/thermal/thermal_zone9/temp": "100000\n",
            "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
            "sys/class/thermal/cooling_device0/cur_state": "2\n",
            "sys/class/thermal/cooling_device1/type": "cpufreq-cpu0\n",
            "sys/class/thermal/cooling_device1/cur_state": f"{clocks_down}\n",
            "sys/class/hwmon/hwmon1/name": "ina3221\n",
            "sys/class/hwmon/hwmon1/in1_label": "VDD_IN\n",
            "sys/class/hwmon/hwmon1/in1_input": "5000\n",
            "sys/class/hwmon/hwmon1/curr1_input": "1200\n",
            "sys/class/hwmon/hwmon1/in7_label": "sum of shunt voltages\n",
            "sys/class/hwmon/hwmon3/oc1_event_cnt": f"{events}\n",
            "dev/watchdog": "",
        },
    )
