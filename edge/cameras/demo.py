"""`demo`: the short dark clip that is shipped with the package."""

from __future__ import annotations

from pathlib import Path

import edge

DEMO_CLIP = Path(edge.__file__).parent / "data" / "demo.mp4"
