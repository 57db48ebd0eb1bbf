"""DGAM: its arithmetic is that of the released code, its gate learns, its published checkpoint's keys load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import save_file

from distill.gate_network import GateNetwork
from distill.teachers import build_teacher
from distill.teachers.networks.dgam import (
    GAMMAS,
    Dgam,
    GicExperts,
    frame_statistics,
    gic_levels,
    hard_choice,
    normalised_levels,
    soft_argmax,
)
from distill.teachers.networks.video_swin import SwinConfig, VideoSwinClassifier
from distill.teachers.networks.weights import load_start
from edge.errors import ConfigError, DataError

SMALL = SwinConfig(8, (2, 2), (2, 4), drop_path=0.1, window=(2, 3, 3))
FRAMES = 4
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet, RGB, levels


def small(**options: object) -> Dgam:
    teacher = build_teacher("dgam", 6, backbone=SMALL, frames=FRAMES, **options)
    assert isinstance(teacher, Dgam)
    return teacher


def clip(batch: int = 3, seed: int = 0, brightest: int = 40) -> torch.Tensor:
    levels = np.random.default_rng(seed).integers(0, brightest, (batch, 3, FRAMES, 24, 24))
    return torch.from_numpy(levels).float()


def released(picture: np.ndarray) -> np.ndarray:
    """mean, std, entropy, minimum, maximum of a BGR picture, as the released code takes them, in NumPy.

    On ImageNet-normalised float32 values. Its entropy: values stretched by the frame's joint minimum and maximum
    (eps 1e-10) to 0..255 in float32, 256 bins over (0, 255), natural logarithm; what float32 lifts above 255 falls out.
    """
    x = ((picture[..., ::-1] - np.array(MEAN)) / np.array(STD)).astype(np.float32)
    stretched = (x - x.min()) / ((x.max() - x.min()) + np.float32(1e-10)) * np.float32(255)
    bins, _ = np.histogram(stretched.astype(np.float64), bins=256, range=(0.0, 255.0))
    p = bins[bins > 0] / bins.sum()
    wide = x.astype(np.float64)
    return np.array([wide.mean(), wide.std(ddof=1), -(p * np.log(p)).sum(), x.min(), x.max()])


def as_clip(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None, :, None].float()


PICTURES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))


@settings(max_examples=60, deadline=None)
@given(picture=PICTURES)
def test_statistics_are_the_released_codes(picture: np.ndarray) -> None:
    found = frame_statistics(as_clip(picture))
    np.testing.assert_allclose(torch.stack(found).flatten().numpy(), released(picture), atol=1e-6, rtol=0)


@pytest.mark.parametrize("brightest", [2, 12, 256])
def test_statistics_of_a_real_size_are_the_released_codes(brightest: int) -> None:
    picture = np.random.default_rng(brightest).integers(0, brightest, (224, 224, 3)).astype(np.uint8)
    found = frame_statistics(as_clip(picture))
    np.testing.assert_allclose(torch.stack(found).flatten().numpy(), released(picture), atol=1e-6, rtol=0)


def test_gate_input_interleaves_the_statistics_of_every_frame() -> None:
    frames = np.random.default_rng(1).integers(0, 60, (FRAMES, 20, 30, 3)).astype(np.uint8)
    whole = torch.cat([as_clip(frame) for frame in frames], 2)
    expected = np.concatenate([released(frame)[:3] for frame in frames])
    np.testing.assert_allclose(frame_statistics(whole).gate_input()[0].numpy(), expected, atol=1e-6, rtol=0)


@settings(max_examples=40, deadline=None)
@given(picture=PICTURES, gamma=st.sampled_from(GAMMAS))
def test_gic_is_the_papers_formula(picture: np.ndarray, gamma: float) -> None:
    x = as_clip(picture)
    normalised = ((picture[..., ::-1] - np.array(MEAN)) / np.array(STD)).astype(np.float32).astype(np.float64)
    low, high = normalised.min(), normalised.max()
    expected = (high - low) * ((normalised - low) / (high - low + 1e-5)) ** (1 / gamma) + low
    corrected = GicExperts((gamma,))(x, frame_statistics(x), torch.ones(1, 1))[0, :, 0]
    np.testing.assert_allclose(corrected.permute(1, 2, 0).numpy(), expected, atol=1e-6, rtol=0)


def test_gamma_one_changes_nothing_beyond_its_epsilon() -> None:
    statistics = frame_statistics(clip())
    curve = gic_levels(statistics.minimum, statistics.maximum, torch.tensor([1.0]))[0]
    present = normalised_levels()[:, :40].double()
    torch.testing.assert_close(curve[..., :40], present.expand(3, FRAMES, 3, 40), atol=1e-5, rtol=1e-3)


def test_every_frame_has_its_own_curve() -> None:
    x = clip(1)
    x[:, :, 1] *= 3
    statistics = frame_statistics(x)
    assert not torch.equal(statistics.maximum[0, 0], statistics.maximum[0, 1])
    alone = GicExperts((2.0,))(x[:, :, 1:2], frame_statistics(x[:, :, 1:2]), torch.ones(1, 1))
    torch.testing.assert_close(GicExperts((2.0,))(x, statistics, torch.ones(1, 1))[:, :, 1:2], alone)


def test_gate_has_the_published_size() -> None:
    gate = GateNetwork(32, 5)
    layers = [layer for layer in gate.modules() if isinstance(layer, torch.nn.Linear)]
    assert sum(p.numel() for p in gate.parameters()) == 47_493
    assert sum(layer.in_features * layer.out_features for layer in layers) == 46_336


@settings(max_examples=50, deadline=None)
@given(scores=st.lists(st.floats(-8, 8, width=32), min_size=5, max_size=5, unique=True))
def test_soft_argmax_is_argmax(scores: list[float]) -> None:
    p = torch.softmax(torch.tensor([scores], dtype=torch.float64), 1)
    ordered = p.sort(1).values[0]
    if ordered[-1] - ordered[-2] > 1e-8:
        assert soft_argmax(p).item() == p.argmax(1).item()


def test_choice_is_one_hot_and_its_gradient_is_the_softmaxs() -> None:
    scores = torch.tensor([[0.1, 0.4, 0.2]], requires_grad=True)
    costs = torch.tensor([[1.0, 2.0, 5.0]])
    choice = hard_choice(torch.softmax(scores, 1))
    assert choice.tolist() == [[0.0, 1.0, 0.0]]
    (choice * costs).sum().backward()
    expected = scores.detach().clone().requires_grad_()
    (torch.softmax(expected, 1) * costs).sum().backward()
    torch.testing.assert_close(scores.grad, expected.grad)


def test_gate_and_experts_compute_the_same_in_mixed_precision() -> None:
    torch.manual_seed(0)
    teacher, seen = small().eval(), []
    teacher.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        whole = teacher(clip())
        with torch.autocast("cpu", torch.bfloat16):
            mixed = teacher(clip())
    assert torch.equal(seen[0], seen[1])
    assert whole.gate is not None and mixed.gate is not None and torch.equal(whole.gate, mixed.gate)


def test_first_stage_draws_gammas_and_trains_all_but_the_gate() -> None:
    torch.manual_seed(0)
    teacher = small()
    teacher.parameter_groups(1e-3, 1)
    teacher.train()
    output = teacher(clip(16))
    assert output.logits.shape == (16, 5, 6)
    assert output.gate is not None and len(output.gate.argmax(1).unique()) > 1
    sum(teacher.losses(output, torch.zeros(16, dtype=torch.long)).values()).backward()
    moved = {name.partition(".")[0] for name, p in teacher.named_parameters() if p.grad is not None}
    assert moved == {"backbone", "heads"}


def test_only_the_head_of_the_drawn_gamma_learns() -> None:
    torch.manual_seed(3)
    teacher = small()
    teacher.parameter_groups(1e-3, 1)
    teacher.train()
    output = teacher(clip(1))
    assert output.gate is not None
    sum(teacher.losses(output, torch.tensor([2])).values()).backward()
    learns = [bool(head.weight.grad.abs().sum() > 0) for head in teacher.heads]
    assert learns == [bool(weight) for weight in output.gate[0].tolist()]


def test_second_stage_trains_the_gate_alone_and_fast() -> None:
    teacher = small(gate_factor=100.0)
    groups = teacher.parameter_groups(3e-4, 2)
    assert {group["lr"] for group in groups} == {3e-2}
    teacher.train()
    assert not teacher.backbone.training and teacher.gate.training
    before = {name: p.detach().clone() for name, p in teacher.named_parameters()}
    optimizer = torch.optim.AdamW(groups, 3e-4, weight_decay=0.05)
    output = teacher(clip())
    sum(teacher.losses(output, torch.tensor([0, 1, 2])).values()).backward()
    optimizer.step()
    changed = {name.partition(".")[0] for name, p in teacher.named_parameters() if not torch.equal(p, before[name])}
    assert changed == {"gate"}


def test_learning_rates_of_the_first_stage() -> None:
    rates = {group["name"].partition(",")[0]: group["lr"] for group in small().parameter_groups(3e-4, 1)}
    assert rates == pytest.approx({"backbone": 3e-5, "heads": 3e-4})


def test_positions_and_vectors_are_not_decayed() -> None:
    teacher = small()
    groups = teacher.parameter_groups(1, 1)
    exempt = {id(p) for group in groups for p in group["params"] if group.get("weight_decay") == 0}
    for name, p in teacher.backbone.named_parameters():
        assert (id(p) in exempt) == (p.ndim == 1 or "relative_position" in name)


def test_gate_learns_which_gamma_has_the_right_head() -> None:
    """Bright clips are only recognised by head 0, dark ones by head 4: the gate finds out from the loss."""
    torch.manual_seed(0)
    teacher = small(gate_factor=10.0)
    optimizer = torch.optim.AdamW(teacher.parameter_groups(1e-3, 2))
    with torch.no_grad():
        for number, head in enumerate(teacher.heads):
            head.weight.zero_()
            head.bias.copy_(torch.eye(6)[number] * 8)  # head i says class i
    x = torch.cat([clip(8, 1, brightest=200), clip(8, 2, brightest=8)])
    labels = torch.tensor([0] * 8 + [4] * 8)
    teacher.train()
    for _ in range(60):
        loss = sum(teacher.losses(teacher(x), labels).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    teacher.eval()
    assert (teacher(x).scores.argmax(1) == labels).all()


def test_heads_may_be_shared() -> None:
    teacher = small(heads="shared").eval()
    assert teacher(clip()).logits.shape == (3, 6)


def test_wrong_options_are_named() -> None:
    with pytest.raises(ConfigError, match="huge"):
        build_teacher("dgam", 3, backbone="huge")
    with pytest.raises(ConfigError, match="depth"):
        build_teacher("dgam", 3, depth=3)
    with pytest.raises(ConfigError, match="dgan"):
        build_teacher("dgan", 3)
    with pytest.raises(ConfigError, match="4 frames"):
        small()(torch.zeros(1, 3, 8, 16, 16))
    with pytest.raises(ConfigError, match="stage"):
        small().parameter_groups(1e-3, 3)


def released_keys(classes: int = 12) -> dict[str, torch.Tensor]:
    """Keys and shapes of `DGAM_ELLAR.pth`, written down from its description, not from our modules; on no memory."""
    shapes: dict[str, tuple[int, ...]] = {
        "backbone.patch_embed.proj.weight": (128, 3, 2, 4, 4),
        "backbone.patch_embed.proj.bias": (128,),
        "backbone.patch_embed.norm.weight": (128,),
        "backbone.patch_embed.norm.bias": (128,),
        "backbone.norm.weight": (1024,),
        "backbone.norm.bias": (1024,),
    }
    for layer, (depth, heads) in enumerate(zip((2, 2, 18, 2), (4, 8, 16, 32), strict=True)):
        c = 128 << layer
        for block in range(depth):
            for name, shape in {
                "norm1.weight": (c,),
                "norm1.bias": (c,),
                "attn.qkv.weight": (3 * c, c),
                "attn.qkv.bias": (3 * c,),
                "attn.proj.weight": (c, c),
                "attn.proj.bias": (c,),
                "attn.relative_position_bias_table": (2535, heads),
                "attn.relative_position_index": (392, 392),
                "norm2.weight": (c,),
                "norm2.bias": (c,),
                "mlp.fc1.weight": (4 * c, c),
                "mlp.fc1.bias": (4 * c,),
                "mlp.fc2.weight": (c, 4 * c),
                "mlp.fc2.bias": (c,),
            }.items():
                shapes[f"backbone.layers.{layer}.blocks.{block}.{name}"] = shape
        if layer < 3:
            shapes[f"backbone.layers.{layer}.downsample.reduction.weight"] = (2 * c, 4 * c)
            shapes[f"backbone.layers.{layer}.downsample.norm.weight"] = (4 * c,)
            shapes[f"backbone.layers.{layer}.downsample.norm.bias"] = (4 * c,)
    for number, (inputs, outputs) in enumerate([(96, 128), (128, 256), (256, 5)], start=1):
        shapes[f"backbone.my_MoE.gating.linear{number}.weight"] = (outputs, inputs)
        shapes[f"backbone.my_MoE.gating.linear{number}.bias"] = (outputs,)
        if number < 3:
            for name in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"backbone.my_MoE.gating.batchnorm{number}.{name}"] = (outputs,)
            shapes[f"backbone.my_MoE.gating.batchnorm{number}.num_batches_tracked"] = ()
    for name in ("fc_cls", "fc_cls_15", "fc_cls_20", "fc_cls_25", "fc_cls_30"):
        shapes[f"cls_head.{name}.weight"], shapes[f"cls_head.{name}.bias"] = (classes, 1024), (classes,)
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def test_keys_and_shapes_are_those_of_the_released_checkpoint() -> None:
    with torch.device("meta"):
        teacher = build_teacher("dgam", 12)
    ours = {key: tuple(value.shape) for key, value in teacher.state_dict().items()}
    released = {key: tuple(value.shape) for key, value in teacher.adapt(released_keys()).items()}
    assert ours == released


def as_released(teacher: Dgam) -> dict[str, torch.Tensor]:
    """A small DGAM's weights under the released names, each value its own."""
    torch.manual_seed(1)
    heads = dict(enumerate(("fc_cls", "fc_cls_15", "fc_cls_20", "fc_cls_25", "fc_cls_30")))
    weights = {}
    for key, value in teacher.state_dict().items():
        name = key.replace("norm", "batchnorm") if key.startswith("gate.") else key
        name = name.replace("gate.", "backbone.my_MoE.gating.")
        if key.startswith("heads."):
            _, number, part = key.split(".")
            name = f"cls_head.{heads[int(number)]}.{part}"
        weights[name] = value if "index" in key else torch.rand(value.shape).to(value.dtype)
    return weights


def test_a_released_file_loads_and_what_differs_is_named(tmp_path: Path) -> None:
    teacher, path = small(), tmp_path / "DGAM_ELLAR.pth"
    weights = as_released(teacher)
    del weights["backbone.norm.bias"]
    weights["backbone.extra.weight"] = torch.zeros(2)
    torch.save({"meta": {"epoch": 100}, "state_dict": weights}, path)
    report = load_start(teacher, path)
    assert report.missing == ("backbone.norm.bias",)
    assert report.unexpected == ("backbone.extra.weight",)
    assert report.other_shape == ()
    torch.testing.assert_close(teacher.heads[3].weight, weights["cls_head.fc_cls_25.weight"])
    torch.testing.assert_close(teacher.gate.norm2.running_var, weights["backbone.my_MoE.gating.batchnorm2.running_var"])


def test_a_fine_tuned_video_swin_gives_every_gamma_its_head(tmp_path: Path) -> None:
    swin, path = VideoSwinClassifier(6, SMALL), tmp_path / "swin.safetensors"
    save_file(swin.state_dict(), path)
    teacher = small()
    report = load_start(teacher, path)
    assert report.unexpected == () and all(key.startswith("gate.") for key in report.missing)
    x = clip()
    with torch.inference_mode():
        teacher.eval(), swin.eval()
        gammas = teacher(x)
        torch.testing.assert_close(gammas.logits, gammas.logits[:, :1].expand(-1, 5, -1))
        one = GicExperts((1.0,))(x, frame_statistics(x), torch.ones(3, 1))
        expected = swin.head(swin.backbone(one))
        torch.testing.assert_close(teacher.heads[2](teacher.backbone(one)), expected)


def test_kinetics_weights_keep_our_head_and_say_so(tmp_path: Path) -> None:
    swin, path = VideoSwinClassifier(6, SMALL), tmp_path / "kinetics.pth"
    kinetics = VideoSwinClassifier(400, SMALL).state_dict()
    weights = {key.replace("head.", "cls_head.fc_cls."): value for key, value in kinetics.items()}
    torch.save({"state_dict": weights}, path)
    head = swin.head.weight.detach().clone()
    report = load_start(swin, path)
    assert report.other_shape == ("head.bias", "head.weight")
    assert report.missing == report.unexpected == ()
    torch.testing.assert_close(swin.head.weight.detach(), head)


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x80\x02cos\nsystem\n"])
def test_a_file_that_is_no_weights_is_one_error(tmp_path: Path, content: bytes) -> None:
    for suffix in (".pth", ".safetensors"):
        path = tmp_path / f"broken{suffix}"
        path.write_bytes(content)
        with pytest.raises(DataError, match="broken"):
            load_start(small(), path)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(DataError, match=r"conv1\.weight"):
        load_start(small(), path)


def test_a_pickle_that_runs_code_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(DataError, match="trap"):
        load_start(small(), tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()
