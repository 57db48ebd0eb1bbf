"""The real program with bundles that are wrong behind right digests: exit code 78, or back to the previous version."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundles.bundle import Bundle, FileDigest, default_bundle_path, write_bundle
from edge.bundles.store import BundleStore
from edge.errors import EXIT_CONFIG
from tests.edge.conftest import ROOT, edge_run_command

needs_default_bundle = pytest.mark.skipif(not default_bundle_path().exists(), reason="no default bundle in this tree")
Nodes = tuple[list[onnx.NodeProto], Mapping[str, Any]]


def with_nodes(bundle: Bundle, nodes: list[onnx.NodeProto], constants: Mapping[str, Any]) -> bytes:
    """The tiny student, to whose logits these nodes add a `nuisance`."""
    model = onnx.load_from_string(bundle.student_bytes())
    last = next(node for node in model.graph.node if "logits" in node.output)
    last.output[0] = "quiet"
    model.graph.node.extend([*nodes, helper.make_node("Add", ["quiet", "nuisance"], ["logits"])])
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    return bytes(model.SerializeToString())


def endless() -> Nodes:
    """2 ** 62 rounds."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["sum", "one"], ["more"])],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("more", TensorProto.FLOAT, []),
        ],
        [numpy_helper.from_array(np.asarray(1, np.float32), "one")],
    )
    loop = helper.make_node("Loop", ["rounds", "true", "nought"], ["nuisance"], body=body)
    return [loop], {"rounds": np.int64(2**62), "true": np.bool_(True), "nought": np.float32(0)}


def out_of_bounds() -> Nodes:
    """An index that the picture chooses: no engine sees it when it loads."""
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["brightest"], keepdims=0),
        helper.make_node("Cast", ["brightest"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["nuisance"]),
    ]
    return nodes, {"table": np.zeros(3, np.float32)}


def huge_when_loaded() -> Nodes:
    nodes = [
        helper.make_node("ConstantOfShape", ["sides"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["nuisance"], keepdims=0),
    ]
    return nodes, {"sides": np.array([40_000, 40_000], np.int64)}


def huge_when_run() -> Nodes:
    nodes = [
        helper.make_node("Shape", ["quiet"], ["extent"]),
        helper.make_node("Mul", ["extent", "times"], ["sides"]),
        *huge_when_loaded()[0],
    ]
    return nodes, {"times": np.array([2000, 1000, 1000], np.int64)}


TRAPS: dict[str, tuple[Callable[[], Nodes], str]] = {
    "endless": (endless, "a tick took more than 8 s and was given up"),
    "out of bounds": (out_of_bounds, "cannot run it"),
    "huge when loaded": (huge_when_loaded, "student.onnx"),
    "huge when run": (huge_when_run, "cannot run it"),
}


def trap(bundle: Bundle, path: Path, kind: str) -> Path:
    files = {**bundle.files, "student.onnx": with_nodes(bundle, *TRAPS[kind][0]())}
    write_bundle(path, replace(bundle.manifest, name=kind), files)
    return path


def run_it(*arguments: object, code: str = "", timeout_s: float = 90) -> tuple[int, str, str, int]:
    """Exit code, stdout, stderr and the most memory in MB of edge-run; `code` runs before it in the same process."""
    command = edge_run_command(*arguments)
    command[2] = f"{code}\n{command[2]}"
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=told)
        timer = threading.Timer(timeout_s, process.kill)
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        told.seek(0)
        said = told.read()
        assert "Traceback" not in said, said
        return process.returncode, out.read(), said, used.ru_maxrss // 1024


@pytest.mark.parametrize("kind", TRAPS)
def test_a_trap_is_refused_by_name_and_by_the_self_test(loaded_bundle: Bundle, tmp_path: Path, kind: str) -> None:
    path = trap(loaded_bundle, tmp_path / "trap", kind)
    for mode in (["--self-test"], ["--quiet", "--camera", "demo"])[: 1 if kind == "endless" else 2]:
        code, _, told, most = run_it("--bundle", path, *mode)
        assert code == EXIT_CONFIG and TRAPS[kind][1] in told
        assert told.count("\n") == 1 and told.removesuffix("\n").isprintable()
        assert most < 1500


def store_of(tmp_path: Path, *bundles: Path) -> BundleStore:
    store = BundleStore(tmp_path / "store")
    for bundle in bundles:
        with store.changing():
            store.switch(store.add(bundle))
    return store


def events_of(out: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, out.splitlines()) if line["type"] == "event"]


def goes_on_with_the_previous_one(store: BundleStore, clip: Path, reason: str, code: str = "") -> None:
    exit_code, out, told, _ = run_it("--quiet", "--camera", f"file:{clip}", "--store", store.root, code=code)
    assert exit_code == 0, told
    events = events_of(out)
    back = next(event for event in events if event["event"] == "bundle_rolled_back")
    assert back["bundle"] == "tiny" and reason in back["error"], back
    after = out.splitlines()[events.index(back) :]
    assert any('"label": "right"' in line for line in after)


@pytest.mark.parametrize("kind", TRAPS)
def test_a_service_goes_on_with_the_previous_version(
    tiny_bundle: Path, loaded_bundle: Bundle, tmp_path: Path, write_clip: Callable[..., Path], kind: str
) -> None:
    """Its own self-test never saw this one: it came with an image, or works on the demo alone."""
    store = store_of(tmp_path, tiny_bundle, trap(loaded_bundle, tmp_path / "trap", kind))
    goes_on_with_the_previous_one(store, write_clip("trapped.avi"), TRAPS[kind][1])


READS = {"os.pread": "pread", "os.open": "open", "os.scandir": "scandir"}


@pytest.mark.parametrize("call", READS)
def test_an_error_of_the_disk_at_any_read_is_no_end(
    tiny_bundle: Path, loaded_bundle: Bundle, tmp_path: Path, write_clip: Callable[..., Path], call: str
) -> None:
    """The first read, the last one and one in between of the current bundle fail with EIO."""
    write_bundle(tmp_path / "new", replace(loaded_bundle.manifest, name="new"), loaded_bundle.files)
    store = store_of(tmp_path, tiny_bundle, tmp_path / "new")
    current = store.current()
    assert current is not None
    for turn in {"pread": (1, 2, 3), "open": (1, 2, 4), "scandir": (1,)}[READS[call]]:
        code = f"""
import errno, os
real, seen = {call}, [0]
def failing(what, *arguments, **named):
    place = os.readlink(f"/proc/self/fd/{{what}}") if isinstance(what, int) else os.fspath(what)
    at = named.get("dir_fd")
    place = place if at is None else os.readlink(f"/proc/self/fd/{{at}}")
    if {current.name!r} in str(place):
        seen[0] += 1
        if seen[0] == {turn}:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
    return real(what, *arguments, **named)
{call} = failing
"""
        goes_on_with_the_previous_one(store, write_clip("eio.avi"), "Input/output error", code)


def test_a_version_under_another_name_is_rolled_back(
    tiny_bundle: Path, loaded_bundle: Bundle, tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    write_bundle(tmp_path / "new", replace(loaded_bundle.manifest, name="new"), loaded_bundle.files)
    store = store_of(tmp_path, tiny_bundle, tmp_path / "new")
    current = store.current()
    assert current is not None
    text = (current / "manifest.json").read_text()
    (current / "manifest.json").write_text(text + " ")  # the same meaning, and not what was put there
    goes_on_with_the_previous_one(store, write_clip("renamed.avi"), "as its name says")


@needs_default_bundle
def test_it_starts_under_an_address_space_of_500_mb() -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (500_000_000, 500_000_000))"
    exit_code, out, told, _ = run_it("--quiet", "--camera", "demo", "--max-frames", 60, code=code)
    assert exit_code == 0, told
    assert '"type": "prediction"' in out


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Structural bytes lie at the beginning and at the end."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 6))):
        at = (
            rng.randrange(min(len(changed), 3000))
            if rng.random() < 0.5
            else -1 - rng.randrange(min(len(changed), 1500))
        )
        match rng.randrange(4):
            case 0:
                changed[at] ^= 1 << rng.randrange(8)
            case 1:
                changed[at] = rng.choice((0, 1, 127, 128, 255))
            case 2:
                del changed[at]
            case _:
                changed.insert(at, rng.randrange(256))
    return bytes(changed)


FUZZ = """
import os, signal, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from pathlib import Path
import cv2, numpy, onnxruntime
from edge.run import cli, self_test
for path in sorted(Path(sys.argv[1]).iterdir()):
    if not os.fork():
        signal.alarm(60)
        cli.sys.stdout = cli.sys.stderr = open(os.devnull, "w")
        try:
            code = cli.main(["--bundle", str(path), "--self-test"])
        except BaseException as error:
            code = 99
        os._exit(code)
    _, status, used = os.wait4(-1, 0)
    print(path.name, os.waitstatus_to_exitcode(status), used.ru_maxrss // 1024)
"""


def test_mutated_models_and_gates_behind_right_digests(loaded_bundle: Bundle, tmp_path: Path) -> None:
    """The self-test of the real program: passed, or 78; no crash, no other code, bounded in time and memory."""
    rng = random.Random(2)
    for number in range(60):
        name = rng.choice(("student.onnx", "student.onnx", "gate.npz"))
        files = {**loaded_bundle.files, name: mutated(loaded_bundle.files[name], rng)}
        digests = {key: FileDigest(hashlib.sha256(data).hexdigest(), len(data)) for key, data in files.items()}
        folder = tmp_path / f"{number:03d}"
        folder.mkdir()
        (folder / "manifest.json").write_bytes(replace(loaded_bundle.manifest, files=digests).sealed())
        for key, data in files.items():
            (folder / key).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=500, check=True
    )
    ends = [line.split() for line in done.stdout.splitlines()]
    assert len(ends) == 60
    assert {code for _, code, _ in ends} <= {"0", "78"}, [line for line in ends if line[1] not in ("0", "78")]
    assert sum(code == "78" for _, code, _ in ends) > 10
    assert all(int(memory) < 1500 for _, _, memory in ends)
