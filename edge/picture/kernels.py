"""The frame's arithmetic: the C core where it was built, NumPy otherwise.

`reference.py` says what every function means. EDGE_NATIVE=scalar (or avx2, avx512, neon) limits the CPU features that
the C core uses, EDGE_NATIVE=numpy leaves it out; `running()` tells what it came to.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from edge.picture import reference

if TYPE_CHECKING:
    from edge import _native as chosen
elif os.environ.get("EDGE_NATIVE") == "numpy":
    chosen = reference
else:
    try:
        # Not `from edge import _native`: that error is the same for a core that is missing and for one that is broken.
        import edge._native as chosen
    except ModuleNotFoundError:
        chosen = reference
        warnings.warn(
            "edge runs on NumPy, several times slower: its C core was not built. "
            "Install a C compiler and the Python headers (Debian: gcc python3-dev) and install ellar-edge again.",
            RuntimeWarning,
            stacklevel=2,
        )

FrontEnd = chosen.FrontEnd
apply_gain = chosen.apply_gain
apply_table = chosen.apply_table
gic_table = chosen.gic_table
motion_look = chosen.motion_look
motion_sizes = chosen.motion_sizes
motion_take = chosen.motion_take
regions_find = chosen.regions_find
regions_window = chosen.regions_window
regions_work = chosen.regions_work
running = chosen.kernels
