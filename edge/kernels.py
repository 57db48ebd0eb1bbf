"""The frame's arithmetic: the C core where it was built, NumPy otherwise.

`edge/reference.py` says what every function means. `EDGE_NATIVE=scalar` (or avx2, avx512, neon) limits which CPU
features the C core uses; `running()` tells what it came to.
"""

from __future__ import annotations

import warnings

try:
    from edge._native import apply_table, gic_table, histogram, shrink, statistics, statistics_dgam
    from edge._native import kernels as running
except ModuleNotFoundError:
    from edge.reference import (
        apply_table,
        gic_table,
        histogram,
        running,
        shrink,
        statistics,
        statistics_dgam,
    )

    warnings.warn(
        "edge runs on NumPy, several times slower: its C core was not built. "
        "Install a C compiler and the Python headers (Debian: gcc python3-dev) and install ellar-edge again.",
        RuntimeWarning,
        stacklevel=2,
    )

__all__ = [
    "apply_table",
    "gic_table",
    "histogram",
    "running",
    "shrink",
    "statistics",
    "statistics_dgam",
]
