"""A container that boots this machine's systemd with an /etc of its own: what a service does there, it does on a robot.

Nothing is downloaded: /usr is this machine's, the Python and the packages are those that run the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 600
MERGED = ("bin", "sbin", "lib", "lib64")
NEEDED = ("systemd-nspawn", "systemd-analyze", "journalctl")

# With a machine id this is no first boot, which would ask questions and enable every unit that this machine has.
ETC = {
    "passwd": "root:x:0:0::/root:/bin/sh\nrobot:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n",
    "group": "root:x:0:\nvideo:x:44:\nrender:x:105:\nrobot:x:1000:\nnogroup:x:65534:\n",
    "nsswitch.conf": "passwd: files systemd\ngroup: files systemd\n",
    "machine-id": "0123456789abcdef0123456789abcdef\n",
    "os-release": 'ID=test\nNAME="test"\nPRETTY_NAME="test"\n',
}
GUEST = """[Unit]
Description=The test in the container
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/opt/ellar-edge/bin/python -m tests.firmware_configs.guest
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=journal+console
TimeoutStartSec=580
[Install]
WantedBy=multi-user.target
"""
SCRIPT = """#!/opt/ellar-edge/bin/python
import sys
from {module} import main
sys.exit(main())
"""


def why_not() -> str:
    """The reason why no container can boot here; empty where it can."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: systemd-container)"
    if os.geteuid() != 0:
        return "booting a container needs root"
    probe = ["unshare", "--mount", "--pid", "--fork", "true"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


def boot(folder: Path, files: dict[str, Path]) -> dict[str, Any]:
    """Boot, run tests/firmware_configs/guest.py in it, power off; what the guest reports, by name.

    files: bound read-only to /srv/NAME.
    """
    root, out = folder / "root", folder / "out"
    out.mkdir()
    _make_root(root)
    binds = {
        "/usr": Path("/usr"),
        "/opt/python": Path(sys.base_prefix),
        "/opt/site": Path(sysconfig.get_path("purelib")),
        "/opt/source": ROOT,
        **{f"/srv/{name}": path for name, path in files.items()},
    }
    command = [
        "systemd-nspawn",
        "--register=no",
        "--keep-unit",
        f"--machine=edge-test-{os.getpid()}",
        "--quiet",
        f"--directory={root}",
    ]
    command += [f"--bind-ro={path}:{target}" for target, path in binds.items()]
    command += [
        f"--bind={out}:/srv/out",
        "--boot",
        "--",
        "systemd.show_status=0",
        "systemd.journald.forward_to_console=0",
    ]
    console = _run(command)
    report = out / "report.json"
    assert report.exists(), f"the guest reported nothing; its console:\n{console[-4000:]}"
    found: dict[str, Any] = json.loads(report.read_text())
    assert "failed" not in found, found["failed"]
    return found


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.stdout.decode(errors="replace")


def _make_root(root: Path) -> None:
    """An /etc with nothing but the test, and a Python environment that points at this machine's packages."""
    for name in (
        "etc/systemd/system/multi-user.target.wants",
        "opt",
        "srv",
        "tmp",
        "var",
        "run",
        "usr",
        "proc",
        "sys",
        "dev",
    ):
        (root / name).mkdir(parents=True)
    for name in MERGED:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    for name, text in ETC.items():
        (root / "etc" / name).write_text(text)
    unit = root / "etc/systemd/system/guest.service"
    unit.write_text(GUEST)
    (unit.parent / "multi-user.target.wants" / unit.name).symlink_to(f"../{unit.name}")
    _make_environment(root / "opt/ellar-edge")


def _make_environment(folder: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(f"/opt/python/bin/{version}")
    (folder / "pyvenv.cfg").write_text("home = /opt/python/bin\ninclude-system-site-packages = false\n")
    (site / "test.pth").write_text("/opt/source\n/opt/site\n")
    programs = (("edge-run", "edge.run.cli"), ("edge-service", "edge.deploy.cli"), ("edge-tail", "edge.outputs.tail"))
    for name, module in programs:
        script = folder / "bin" / name
        script.write_text(SCRIPT.format(module=module))
        script.chmod(0o755)
