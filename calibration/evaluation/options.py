"""Options that `edge-eval` and `edge-folds` share."""

from __future__ import annotations

import argparse

from calibration.evaluation.scores import GROUPS


def attributes(value: str) -> tuple[str, ...]:
    """The option `--by`. Raises ArgumentTypeError."""
    names = tuple(name.strip() for name in value.split(","))
    if not set(names) <= set(GROUPS):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(GROUPS)}, found {value!r}")
    return names
