"""The frame's arithmetic: the C core where it was built, NumPy otherwise."""

from __future__ import annotations

from edge.reference import apply_table, gic_table, histogram, shrink, statistics

__all__ = ["apply_table", "gic_table", "histogram", "shrink", "statistics"]
