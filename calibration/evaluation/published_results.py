"""What papers report, to stand beside ours: accuracies in percent, of the data set's own test clips.

From the papers and their releases; sources in docs/reproduce.md. They are of networks of 12 to 90 million weights on
whole clips, and compare only with the same clips: `--set ellar_test`, `--set arid_split1_test` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Cells = tuple[float | None, ...]  # percent
Rows = tuple[tuple[str, Cells], ...]

# Top-1 and top-5.
OVERALL: Mapping[str, Rows] = {
    "ellar-table3": (
        ("ResNet101", (10.46, 45.69)),
        ("ResNeXt101", (9.63, 39.37)),
        ("TimeSformer", (15.51, 55.96)),
        ("DarkLight", (28.58, 64.31)),
        ("Video-Swin-B", (35.03, 68.87)),
        ("DGAM", (38.42, 74.44)),
    ),
    "ellar-table7": (
        ("without gate and heads", (35.03, None)),
        ("gate, one head", (38.25, None)),
        ("gate and heads (DGAM)", (38.42, 74.44)),
    ),
    "arid": (
        ("DGAM", (93.76, 99.85)),
        ("DarkLight-R(2+1)D-34", (94.04, None)),
        ("DTCM", (96.36, None)),
        ("R(2+1)D-GCN+BERT", (96.60, None)),
        ("MFDL", (96.71, None)),
        ("MD-BERT", (96.89, 99.88)),
        ("ActLumos", (96.92, 99.89)),
    ),
    "arid15": (
        ("R(2+1)D-18, by third parties", (65.6, None)),
        ("VideoMamba-T, by third parties", (68.8, None)),
        ("DarkLight-R(2+1)D-34", (84.13, None)),
        ("R(2+1)D-GCN+BERT", (86.93, None)),
        ("ActLumos", (88.27, 99.12)),
    ),
    "dark48": (
        ("DarkLight-R(2+1)D-34", (39.08, None)),
        ("DTCM", (46.68, None)),
        ("MFDL", (48.14, None)),
        ("ActLumos", (48.96, 76.71)),
    ),
}
# DGAM's top-1 by light, then camera.
BY_CAMERA: Mapping[str, Mapping[str, float]] = {
    "LL": {"brio": 78.07, "arducam": 52.53, "c920": 44.58, "average": 58.39},
    "ELL": {"brio": 24.4, "arducam": 9.72, "c920": 9.72, "average": 14.61},
}
# Top-1, trained on > tested on.
OVER_DOMAINS: Rows = (
    ("DGAM, LL > LL", (63.78,)),
    ("DGAM, LL > ELL", (14.24,)),
    ("DGAM, ELL > LL", (40.56,)),
    ("DGAM, ELL > ELL", (16.71,)),
    ("Video-Swin-B, LL > LL", (56.71,)),
    ("Video-Swin-B, LL > ELL", (12.77,)),
    ("Video-Swin-B, ELL > LL", (32.27,)),
    ("Video-Swin-B, ELL > ELL", (15.77,)),
)


def overall(protocol: str, columns: Sequence[str]) -> Rows:
    """Rows of a protocol for columns that begin with top-1 and top-5."""
    return tuple((name, cells + (None,) * (len(columns) - len(cells))) for name, cells in OVERALL[protocol])


def by_light_and_camera(columns: Sequence[str]) -> Rows:
    """DGAM's rows for columns that are cameras, by whatever name they go, and `average`."""
    return tuple(
        (
            f"DGAM, {light}",
            tuple(
                next((value for camera, value in cells.items() if camera in column.lower()), None) for column in columns
            ),
        )
        for light, cells in BY_CAMERA.items()
    )
