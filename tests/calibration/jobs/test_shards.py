"""Jobs over several processes: two real ones under torchrun, and processes that do not come or are from another run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.jobs.shards import ShardError, ShardTeam, shard_team
from edge.errors import UsageError

ROOT = Path(__file__).parents[3]


def torchrun(processes: int, *command: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("torch")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *launcher, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )


def members(folder: Path, size: int, port: str = "1") -> dict[str, dict[str, str]]:
    """Environments as torchrun sets them."""
    return {
        f"{rank}": {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "here", "MASTER_PORT": port}
        for rank in range(size)
    }


@given(st.integers(1, 5), st.lists(st.integers(), max_size=20))
def test_shares_are_a_partition_and_even(size: int, items: list[int]) -> None:
    shares = [ShardTeam(rank, size).share(items) for rank in range(size)]
    assert sorted(item for share in shares for item in share) == sorted(items)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_needs_no_files(tmp_path: Path) -> None:
    with shard_team(tmp_path, environment={}) as alone:
        assert alone.first and alone.share([3, 4]) == [3, 4] and alone.gather([3, 4]) == [3, 4]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 7])
def test_two_processes_under_torchrun_answer_as_one(tmp_path: Path, count: int) -> None:
    run = torchrun(2, "tests/calibration/jobs/shard_job.py", str(tmp_path), str(count))
    assert run.returncode == 0, run.stderr
    documents = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    for rank, document in enumerate(documents):
        assert document["size"] == 2 and document["share"] == list(range(rank, count, 2))
        assert document["thirds"] == [{"item": item, "third": item / 3} for item in range(count)]
        assert document["squares"] == [item * item for item in range(count)]
    assert not [path for path in (tmp_path / "exchange").glob("*/*") if path.is_dir()]  # nothing is left behind


def test_answers_of_a_killed_run_are_not_taken_for_ours(tmp_path: Path) -> None:
    """The first finds words, an answer and a folder of an earlier run under the same name."""
    meeting = tmp_path / "here-1"
    (meeting / "old").mkdir(parents=True)
    (meeting / "old" / "1-1.json").write_text('["stale"]')
    (meeting / "word-1").write_text('"old word"')
    (meeting / "answer").write_text('{"words": ["old word"], "folder": "old"}')
    gathered: dict[str, list[str]] = {}

    def work(rank: str, environment: dict[str, str]) -> None:
        with shard_team(tmp_path, 30, environment) as processes:
            gathered[rank] = processes.gather([f"fresh {rank}"])

    threads = [threading.Thread(target=work, args=member) for member in members(tmp_path, 3).items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gathered == {rank: ["fresh 0", "fresh 1", "fresh 2"] for rank in "012"}
    assert not (meeting / "old").exists()


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_that_never_comes_is_an_error_and_not_a_hang(tmp_path: Path, rank: str) -> None:
    with pytest.raises(ShardError, match="in vain"), shard_team(tmp_path, 0.1, members(tmp_path, 2)[rank]):
        pass


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "2", "WORLD_SIZE": "2"}, "0 <= RANK < WORLD_SIZE"),
        ({"RANK": "0", "WORLD_SIZE": "0"}, "0 <= RANK < WORLD_SIZE"),
        ({"RANK": "x", "WORLD_SIZE": "2"}, "RANK='x': expected a whole number"),
        ({"RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}, "several machines need a folder"),
    ],
)
def test_variables_that_make_no_sense_are_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message), shard_team(environment=environment):
        pass
