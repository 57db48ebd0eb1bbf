"""A job for torchrun: an answer per item, gathered twice; every process writes what it got into its own file."""

import json
import sys
from pathlib import Path

from calibration.jobs.shards import shard_team

if __name__ == "__main__":
    target, count = Path(sys.argv[1]), int(sys.argv[2])
    items = list(range(count))
    with shard_team(target / "exchange", timeout_s=60) as processes:
        share = processes.share(items)
        thirds = processes.gather([{"item": item, "third": item / 3} for item in share])
        squares = processes.gather([item * item for item in share])
        document = {"size": processes.size, "share": share, "thirds": thirds, "squares": squares}
    (target / f"rank{processes.rank}.json").write_text(json.dumps(document))
