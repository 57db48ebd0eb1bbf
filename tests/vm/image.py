"""Builds what the VM boots, cached under .cache/vm: `python -m tests.vm.image amd64` prints the folder.

The folder holds `rootfs/` (Debian, also for qemu-user), `root.img`, `vmlinuz` and `initrd.gz`. Needs root, Debian's
mmdebstrap, and the Debian mirror that this machine's apt uses.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.vm.arch import ARCHES, Arch
from tests.vm.binfmt import under_binfmt

REPOSITORY = Path(__file__).parents[2]
CACHE = REPOSITORY / ".cache" / "vm"
SUITE = "bookworm"
PACKAGES = ["systemd-sysv", "udev", "dbus", "libnss-systemd", "kmod", "python3", "python3-pip", "v4l-utils"]
BOOT_MODULES = ["virtio_pci", "virtio_blk", "crc32c_generic", "ext4"]  # loaded by the initrd
MODULES = [
    "virtio_console",
    "vhci_hcd",
    "uvcvideo",
    "vivid",
    "softdog",
    "i6300esb",
]  # loaded by the guest when it needs them
AGENTS = ("vm-agent.service", "vm-camera.service")
PERIODIC = ["apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "dpkg-db-backup.timer"]
GUEST = Path(__file__).with_name("guest")
INPUTS = [Path(__file__), GUEST / "init", GUEST / "fstab", *(GUEST / unit for unit in AGENTS)]

# Run by mmdebstrap, $1 is the new root. The kernel's package is only unpacked: its scripts would make an initrd that is
# ten times as large as ours.
FETCH = """set -e; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; mkdir -p "$1/boot/fetched"; cd "$1/boot/fetched"
kernel=$(apt-cache depends {kernel} | sed -n 's/.*Depends: \\(linux-image-[^ ]*\\).*/\\1/p' | head -n 1)
apt-get download -q "$kernel" busybox-static"""


def image(arch: Arch) -> Path:
    """The folder with the image of an architecture, built if there is none for today's inputs."""
    folder = CACHE / f"{arch.debian}-{_key(arch)}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        _build(arch, unfinished)
        unfinished.rename(folder)
    return folder


def _key(arch: Arch) -> str:
    inputs = [arch.kernel.encode(), *(path.read_bytes() for path in INPUTS)]
    return hashlib.sha256(b"\0".join(inputs)).hexdigest()[:12]


def _build(arch: Arch, folder: Path) -> None:
    root = folder / "rootfs"
    _bootstrap(arch, root)
    _kernel(root, folder)
    _configure(root)
    run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-L", "root", "-d", root, _sparse(folder / "root.img", 1200))


def _bootstrap(arch: Arch, root: Path) -> None:
    command = ["mmdebstrap", "--variant=minbase", f"--architectures={arch.debian}", f"--include={','.join(PACKAGES)}"]
    options = ['--aptopt=Acquire::Languages "none"', "--dpkgopt=force-unsafe-io"]
    options += [f"--aptopt={line}" for line in _apt("apt-config", "dump") if re.match(r"Acquire::https?::Proxy ", line)]
    options += [f"--customize-hook={FETCH.format(kernel=arch.kernel)}"]
    under_binfmt(arch, [*command, *options, SUITE, str(root), _mirror()])


def _mirror() -> str:
    """The Debian mirror that this machine's apt uses."""
    lines = _apt("apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages")
    mirrors = [line for line in lines if "security" not in line]
    if not mirrors:
        raise SystemExit("vm-image: this machine's apt knows no Debian mirror; see /etc/apt/sources.list(5)")
    return mirrors[0]


def _apt(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def _kernel(root: Path, folder: Path) -> None:
    """vmlinuz and initrd.gz into the folder, the modules that the guest loads into the root."""
    fetched, unpacked = root / "boot" / "fetched", folder / "unpacked"
    for package in fetched.glob("*.deb"):
        run("dpkg-deb", "-x", package, unpacked)
    shutil.rmtree(fetched)
    tree = next((unpacked / "lib" / "modules").iterdir())
    run("depmod", "-b", unpacked, tree.name)
    shutil.copy(next((unpacked / "boot").glob("vmlinuz-*")), folder / "vmlinuz")
    for module in [*_with_dependencies(tree, BOOT_MODULES + MODULES), *tree.glob("modules.builtin*")]:
        target = root / "lib" / "modules" / tree.name / module.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(module, target)
    run("depmod", "-b", root, tree.name)
    _initrd(unpacked / "bin" / "busybox", _with_dependencies(tree, BOOT_MODULES), folder)
    shutil.rmtree(unpacked)


def _with_dependencies(tree: Path, names: list[str]) -> list[Path]:
    """Files of the modules and of all that they need, in the order of loading; built-in ones have none."""
    lines = dict(line.split(":") for line in (tree / "modules.dep").read_text().splitlines())
    files = {Path(path).name.split(".")[0].replace("-", "_"): path for path in lines}
    built_in = {Path(line).stem.replace("-", "_") for line in (tree / "modules.builtin").read_text().split()}
    wanted: dict[str, None] = {}
    for name in names:
        if name in files:
            wanted.update(dict.fromkeys([*reversed(lines[files[name]].split()), files[name]]))
        elif name not in built_in:
            print(f"vm-image: kernel {tree.name} has no module {name}", file=sys.stderr)
    return [tree / path for path in wanted]


def _initrd(busybox: Path, modules: list[Path], folder: Path) -> None:
    tree = folder / "initrd"
    for name in ("bin", "dev", "proc", "sys", "root", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy(busybox, tree / "bin" / "busybox")
    shutil.copy(GUEST / "init", tree / "init")
    (tree / "init").chmod(0o755)
    for number, module in enumerate(modules):
        shutil.copy(module, tree / "modules" / f"{number:02}-{module.name}")
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = subprocess.run(
        ["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"],
        cwd=tree,
        input=names.encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    (folder / "initrd.gz").write_bytes(gzip.compress(archive.stdout, mtime=0))
    shutil.rmtree(tree)


def _configure(root: Path) -> None:
    """The guest's own settings: fixed machine id (no first-boot work), our disks, our two agents, no periodic jobs."""
    (root / "etc" / "machine-id").write_text(hashlib.md5(b"edge vm ring").hexdigest() + "\n")
    (root / "etc" / "hostname").write_text("robot\n")
    shutil.copy(GUEST / "fstab", root / "etc" / "fstab")
    units = root / "etc" / "systemd" / "system"
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    for unit in AGENTS:
        shutil.copy(GUEST / unit, units / unit)
        (units / "multi-user.target.wants" / unit).symlink_to(f"/etc/systemd/system/{unit}")
    for timer in PERIODIC:
        (units / timer).unlink(missing_ok=True)
        (units / timer).symlink_to("/dev/null")


def _sparse(path: Path, mebibytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    return path


def run(*command: object) -> None:
    """Run a command; its output is the user's, its failure is ours."""
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    print(image(ARCHES[sys.argv[1]]))
