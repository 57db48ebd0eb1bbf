"""Enhancers: shapes and types, what each of them promises, and Zero-DCE's training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from distill.enhance import ENHANCERS, build_enhancer
from distill.enhance.retinex import multi_scale_retinex
from distill.enhance.zero_dce import WELL_EXPOSED, ZeroDce, zero_dce_losses
from edge.errors import ConfigError, DataError


def dark_clip(brightest: int = 30) -> np.ndarray:
    """A gradient of light over a pattern, with sensor noise; uint8 [3,48,64,3]."""
    rng = np.random.default_rng(0)
    pattern = np.kron(rng.random((6, 8, 3)), np.ones((8, 8, 1)))
    light = np.linspace(0.2, 1, 64)[None, :, None]
    frames = pattern * light * brightest + rng.normal(0, 0.5, (3, 48, 64, 3))
    return frames.round().clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    torch.manual_seed(0)
    weights = tmp_path_factory.mktemp("zero_dce") / "weights.safetensors"
    save_file(ZeroDce().state_dict(), weights)
    return {"zero_dce": {"weights": weights}}


@pytest.mark.parametrize("name", ENHANCERS)
@pytest.mark.parametrize("kind", ["dark", "black", "white", "strided"])
def test_every_enhancer_gives_a_new_clip_of_the_same_shape(
    name: str, kind: str, options: dict[str, dict[str, object]]
) -> None:
    clip = dark_clip()
    if kind == "black":
        clip[:] = 0
    elif kind == "white":
        clip[:] = 255
    elif kind == "strided":
        clip = clip[:, ::2, ::-1]
    before = clip.copy()
    result = build_enhancer(name, **options.get(name, {}))(clip)
    assert result.shape == clip.shape and result.dtype == np.uint8
    np.testing.assert_array_equal(clip, before)


@pytest.mark.parametrize("name", ["gic", "histogram", "clahe", "retinex"])
def test_the_dark_becomes_brighter_and_its_order_of_frames_stays(name: str) -> None:
    clip = dark_clip()
    enhance = build_enhancer(name)
    assert enhance(clip).mean() > 1.3 * clip.mean()
    np.testing.assert_array_equal(enhance(clip[::-1]), enhance(clip)[::-1])


def test_fixed_gic_is_the_papers_formula_per_frame() -> None:
    clip = dark_clip()
    clip[1] = clip[1] // 2 + 3
    low, high = clip[1].min(), clip[1].max()
    expected = (float(high) - low) * ((clip[1] - float(low)) / (float(high) - low)) ** (1 / 2.5) + low
    found = build_enhancer("gic", gamma=2.5)(clip)[1]
    assert np.abs(found - expected).max() <= 0.5 + 1e-9


def test_histogram_equalisation_spreads_luma_evenly() -> None:
    luma = cv2.cvtColor(build_enhancer("histogram")(dark_clip())[0], cv2.COLOR_BGR2GRAY).ravel()
    assert np.percentile(luma, [25, 50, 75]) == pytest.approx([64, 128, 191], abs=20)


def test_clahe_limits_what_equalisation_does() -> None:
    clip = dark_clip()
    spread = {name: build_enhancer(name)(clip).std() for name in ("clahe", "histogram")}
    assert clip.std() < spread["clahe"] < spread["histogram"]


def test_retinex_takes_the_light_and_leaves_the_pattern() -> None:
    pattern = np.kron(np.indices((6, 8)).sum(0) % 2, np.ones((8, 8))) * 60 + 60
    levels = torch.from_numpy(np.stack([np.stack([pattern] * 3), np.stack([pattern] * 3)])).float()
    levels[1] *= 2  # twice the light
    even, brighter = multi_scale_retinex(levels)
    torch.testing.assert_close(even, brighter, atol=2, rtol=0)
    sloped = levels[0] * torch.linspace(0.2, 1, 64)
    before, after = (
        (picture.mean((0, 1)).std() / picture.std()).item()  # how much of what is seen is the light
        for picture in (sloped, multi_scale_retinex(sloped[None], scales=(8.0, 16.0))[0])
    )
    assert after < 0.5 * before
    assert np.corrcoef(even[0].numpy().ravel(), pattern.ravel())[0, 1] > 0.95


def test_retinex_does_not_change_in_mixed_precision() -> None:
    levels = torch.from_numpy(dark_clip()).permute(0, 3, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = multi_scale_retinex(levels)
    torch.testing.assert_close(mixed, multi_scale_retinex(levels))


def test_retinex_of_nothing_is_grey() -> None:
    assert multi_scale_retinex(torch.full((1, 3, 20, 20), 7.0)).numpy() == pytest.approx(127.5, abs=1)


def test_zero_dce_has_the_published_size() -> None:
    assert sum(p.numel() for p in ZeroDce().parameters()) == 79_416
    x = torch.rand(2, 3, 32, 40)
    lifted, maps = ZeroDce()(x)
    assert lifted.shape == x.shape and maps.shape == (2, 24, 32, 40)


def test_zero_dce_curves_stay_in_range_and_in_order() -> None:
    """Eq. 3: whatever the strengths in -1..1 are, 0..1 stays 0..1 and brighter stays brighter."""
    network = ZeroDce()
    with torch.no_grad():
        for p in network.parameters():
            p.normal_(0, 3)
        ramp = torch.linspace(0, 1, 256).view(1, 1, 1, -1).expand(1, 3, 16, -1)
        assert network(ramp)[0].min() >= 0 and network(ramp)[0].max() <= 1
        network.last.weight.zero_()  # one curve everywhere
        curve = network(ramp)[0][0, 0, 0]
    assert (curve.diff() >= -1e-6).all()


def test_each_zero_dce_loss_is_zero_where_its_wish_is_fulfilled() -> None:
    flat, maps = torch.full((1, 3, 32, 32), WELL_EXPOSED), torch.zeros(1, 24, 32, 32)
    assert all(loss.item() == pytest.approx(0, abs=1e-9) for loss in zero_dce_losses(flat, flat, maps).values())
    dark = torch.full((1, 3, 32, 32), 0.1)
    assert zero_dce_losses(dark, dark, maps)["exposure"].item() == pytest.approx(10 * 0.5**2)
    red = flat.clone()
    red[:, 0] += 0.2
    assert zero_dce_losses(flat, red, maps)["colour"].item() == pytest.approx(5 * 2 * 0.2**2, rel=1e-4)
    edge = flat.clone()
    edge[..., 16:] -= 0.4
    assert zero_dce_losses(flat, edge, maps)["spatial"].item() > 0.01
    sloped = maps + torch.linspace(0, 31, 32)  # every map rises by 1 per pixel
    assert zero_dce_losses(flat, flat, sloped)["smoothness"].item() == pytest.approx(200 * 2 * 24)


def test_zero_dce_trains_and_its_weights_make_an_enhancer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    clip, network, totals = dark_clip(), ZeroDce(), []
    pictures = torch.from_numpy(clip[..., ::-1].copy()).permute(0, 3, 1, 2).float() / 255
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(30):
        loss = torch.stack(list(zero_dce_losses(pictures, *network(pictures)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(loss.item())
    assert totals[-1] < 0.6 * totals[0]
    path = tmp_path / "zero_dce.safetensors"
    save_file(network.state_dict(), path)
    enhance = build_enhancer("zero_dce", weights=path)
    assert enhance(clip).mean() > 2 * clip.mean()
    blue = clip.copy()
    blue[..., 1:] = 0
    assert enhance(blue)[..., 0].mean() > enhance(blue)[..., 2].mean()


def test_wrong_names_options_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="retinexx"):
        build_enhancer("retinexx")
    with pytest.raises(ConfigError, match="gamme"):
        build_enhancer("gic", gamme=2)
    with pytest.raises(DataError, match="nothing"):
        build_enhancer("zero_dce", weights=tmp_path / "nothing.safetensors")
