"""The default bundle predicts what it predicted when the digests were recorded."""

from __future__ import annotations

import pytest

from tests.edge.run import golden


@pytest.mark.parametrize("name", ["demo", *golden.REAL_CLIPS])
def test_predictions_are_the_recorded_ones_to_the_last_digit(name: str) -> None:
    record = golden.recorded().get(golden.machine())
    if record is None:
        pytest.skip(f"no record for {golden.machine()}; python -m tests.edge.run.golden --renew")
    if name not in golden.recordings():
        pytest.skip(f"{golden.ARID_DARK / name} is not there")
    assert golden.digest(golden.recordings()[name]) == record[name], "see golden.py to renew a record on purpose"
