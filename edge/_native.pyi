"""Types of the C core; edge/picture/reference.py says what every function means.

All raise TypeError for a wrong type or dtype and ValueError for a wrong shape, stride or value or a read-only target,
naming the argument; RuntimeError if one FrontEnd is used by two threads at once. All but gic_table release the GIL.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_U8 = npt.NDArray[np.uint8]
_U16 = npt.NDArray[np.uint16]
_I16 = npt.NDArray[np.int16]
_I32 = npt.NDArray[np.int32]
_U32 = npt.NDArray[np.uint32]
_F64 = npt.NDArray[np.float64]

class FrontEnd:
    def __init__(self, small: _U8, counts: _U32, moments: _F64, corrected: _U8, luma: _U16 | None = None) -> None: ...
    def measure(self, source: _U8, format: str = "bgr", /) -> None: ...
    def correct(self, minimum: int, maximum: int, gamma: float, /) -> None: ...

def gic_table(minimum: int, maximum: int, gamma: float, table: _U8, /) -> None: ...
def apply_table(image: _U8, table: _U8, target: _U8, /) -> None: ...
def apply_gain(image: _U16, gain: float, table: _U8, target: _U8, /) -> None: ...
def motion_sizes(height: int, width: int, /) -> tuple[int, int]: ...
def motion_take(luma: _U16, slot: _I16, /) -> None: ...
def motion_look(
    ring: _I16,
    newest: int,
    accumulation: int,
    stride: int,
    binning: int,
    levels: float,
    work: _U8,
    x: _U8,
    report: _F64,
    /,
) -> None: ...
def regions_work(height: int, width: int, /) -> int: ...
def regions_find(
    x: _U8,
    claims: _I32,
    count: int,
    reach_x: int,
    reach_y: int,
    least_mass: int,
    owner: _U8,
    sums: _I32,
    regions: _I32,
    work: _U8,
    /,
) -> int: ...
def regions_window(
    x: _U8, owner: _U8, which: int, middle_x: int, middle_y: int, tall: int, scale: int, out: _U8, /
) -> None: ...
def kernels() -> dict[str, str]: ...
