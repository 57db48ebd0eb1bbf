"""Raw sensor pictures: every packing gives the same samples; the small picture is what its definition says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cameras.csi.bayer import RawFormat, develop, unpack

ORDERS = ["RGGB", "GRBG", "GBRG", "BGGR"]


def pack(samples: np.ndarray, format: RawFormat, padding: int = 0) -> tuple[np.ndarray, int]:
    """A buffer of these samples (0..2^bits - 1) and its stride, written sample by sample as MIPI CSI-2 has it."""
    rows = []
    for row in samples.tolist():
        if not format.packed:
            rows.append(b"".join(value.to_bytes(2 if format.bits > 8 else 1, "little") for value in row))
            continue
        count, low = {10: (4, 2), 12: (2, 4)}[format.bits]
        row += [0] * (-len(row) % count)
        groups = [row[i : i + count] for i in range(0, len(row), count)]
        rows.append(
            b"".join(
                bytes([value >> low for value in group])
                + bytes([sum((value & (1 << low) - 1) << low * i for i, value in enumerate(group))])
                for group in groups
            )
        )
    padded = [row + b"\xa5" * padding for row in rows]
    return np.frombuffer(b"".join(padded), np.uint8), len(padded[0])


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("name", ["SRGGB8", "SRGGB10", "SBGGR12", "SRGGB16", "SGRBG10_CSI2P", "SRGGB12_CSI2P", "R12"])
def test_every_packing_gives_the_samples(name: str, padding: int) -> None:
    format = RawFormat.of(name)
    samples = np.random.default_rng(0).integers(0, 1 << format.bits, (6, 14))
    data, stride = pack(samples, format, padding)
    expected = samples << 16 - format.bits
    assert np.array_equal(unpack(data, format, 6, 14, stride), expected)
    end = data.size - padding
    assert np.array_equal(unpack(data[:end], format, 6, 14, stride), expected)
    with pytest.raises(ValueError, match="cannot hold 14x6"):
        unpack(data[: end - 1], format, 6, 14, stride)
    with pytest.raises(ValueError, match="cannot hold 14x6"):
        unpack(data, format, 6, 14, stride - padding - 1)


@pytest.mark.parametrize("name", ["RGGB_PISP_COMP1", "SRGGB14", "YUV420", "SRGGB16_CSI2P", "srggb12"])
def test_a_format_that_cannot_be_read_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}'.*SRGGB12_CSI2P"):
        RawFormat.of(name)


@given(
    order=st.sampled_from(ORDERS),
    factor=st.integers(1, 4),
    black=st.sampled_from([0.0, 3840.0]),
    gains=st.sampled_from([(1.0, 1.0), (1.8, 2.1)]),
    top=st.sampled_from([4096, 8000, 65535]),
    seed=st.integers(0, 9),
)
def test_a_small_picture_is_what_the_definition_says(
    order: str, factor: int, black: float, gains: tuple[float, float], top: int, seed: int
) -> None:
    """Against the definition in float64; a difference of one is the rounding of the mean."""
    raw = np.random.default_rng(seed).integers(0, top, (2 * factor * 3, 2 * factor * 4)).astype(np.uint16)
    small = develop(raw, order, 3, 4, black, gains)
    cells = raw.reshape(3, factor, 2, 4, factor, 2).astype(float).mean(axis=(1, 4))  # [3, 2, 4, 2]
    for channel, (colour, gain) in enumerate(zip("BGR", (gains[1], 1.0, gains[0]), strict=True)):
        places = [divmod(place, 2) for place in range(4) if order[place] == colour]
        mean = sum(cells[:, y, :, x] for y, x in places) / len(places)
        linear = np.clip(gain * (mean - black) / (65535 - black), 0, 1)
        level = 4080 * np.where(linear < 0.018, 4.5 * linear, 1.099 * linear**0.45 - 0.099)
        assert np.abs(small[..., channel] - level).max() <= 1
    assert small.dtype == np.uint16 and small.max() <= 4080


def test_noise_around_black_keeps_its_mean() -> None:
    """A light of a quarter of the noise is seen; cut at black before averaging it would drown."""
    rng = np.random.default_rng(0)
    black, light = 3840.0, 16.0
    raw = np.clip(np.rint(black + light + 64 * rng.standard_normal((480, 640))), 0, 65535).astype(np.uint16)
    small = develop(raw, "RGGB", 12, 16, black)
    assert small.mean() == pytest.approx(4080 * 4.5 * light / (65535 - black), rel=0.05)


def test_the_ends_of_the_range() -> None:
    assert (develop(np.full((8, 8), 65535, np.uint16), "BGGR", 2, 2, 4096.0, (2.0, 2.0)) == 4080).all()
    assert (develop(np.full((8, 8), 4000, np.uint16), "BGGR", 2, 2, 4096.0) == 0).all()


def test_a_sensor_without_colours_is_grey() -> None:
    raw = np.random.default_rng(0).integers(0, 65536, (16, 16)).astype(np.uint16)
    small = develop(raw, "R", 4, 4)
    assert (small == small[..., :1]).all() and np.ptp(small) > 0


def test_a_raw_picture_that_is_too_small_says_so() -> None:
    with pytest.raises(ValueError, match="5x4 needs a raw picture of twice the size, found 8x8"):
        develop(np.zeros((8, 8), np.uint16), "RGGB", 4, 5)
