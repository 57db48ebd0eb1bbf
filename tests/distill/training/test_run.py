"""A training's folder: metrics that survive a kill, curves, jobs, samples that depend on nothing but their number."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from distill.teachers.clips import VideoClips, frames_of, random_view, views_of
from distill.teachers.recipe import ClipConfig, ProtocolConfig
from distill.training import checkpoint
from distill.training.checkpoint import Trainee
from distill.training.job import Job, read_job
from distill.training.loop import TrainingError, TrainingRun, fit
from distill.training.metrics import draw_curves, read
from distill.training.parallel import TrainingTeam
from edge.errors import DataError
from tests.clips import square_set

CONFIG = ClipConfig(frames=4, stride=2, size=24, shorter=32)


def trainee() -> Trainee:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    return Trainee(model, optimizer, schedule, np.random.default_rng(7))


def test_a_checkpoint_is_everything(tmp_path: Path) -> None:
    first, path = trainee(), tmp_path / "c.safetensors"
    first.model(torch.rand(4, 3)).sum().backward()
    first.optimizer.step()
    checkpoint.save(path, "train", 1, 2.5, first, TrainingTeam())
    expected = (torch.rand(3), first.rng.random(3))
    second, saved = trainee(), checkpoint.read(path)
    checkpoint.restore(saved, second, TrainingTeam())
    assert (saved.stage, saved.step, saved.elapsed_s) == ("train", 1, 2.5)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(second.rng.random(3), expected[1])
    assert torch.equal(first.model.weight, second.model.weight)
    moments = (one.optimizer.state_dict()["state"][0]["exp_avg"] for one in (first, second))
    assert torch.equal(*moments)


def test_a_damaged_checkpoint_and_another_team_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, "train", 1, 0.0, trainee(), TrainingTeam())
    with pytest.raises(DataError, match="1 processes, now there are 2"):
        checkpoint.restore(checkpoint.read(path), trainee(), TrainingTeam(0, 2))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="safetensors"):
        checkpoint.read(path)


def test_metrics_after_the_checkpoint_are_written_again(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, ("pretrain", "train"), show=lambda _: None)
    checkpoint.save(tmp_path / "checkpoint.safetensors", "train", 2, 0.0, trainee(), TrainingTeam())
    for phase, step in (("other", 9), ("pretrain", 5), ("train", 2), ("train", 3)):
        run.report({"phase": phase, "step": step})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"phase": "tra')  # cut by the kill
    TrainingRun(tmp_path, ("pretrain", "train"), resume=True, show=lambda _: None)
    assert [(line["phase"], line["step"]) for line in read(tmp_path / "metrics.jsonl")] == [
        ("other", 9),
        ("pretrain", 5),
        ("train", 2),
    ]


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    one = trainee()
    run = TrainingRun(tmp_path, ("train",), show=lambda _: None)
    with pytest.raises(TrainingError, match="step 1: the loss is nan"):
        fit(run, "train", one, 3, lambda _: [{"loss": one.model(torch.full((1, 3), torch.nan)).sum()}])


def test_curves_are_an_svg_with_a_line_per_loss(tmp_path: Path) -> None:
    lines = [{"phase": "train", "step": i, "loss": 3.0 - i, "focal": 1.0 / i, "elapsed_s": 9.0} for i in (1, 2, 3)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    draw_curves(tmp_path / "m.jsonl", tmp_path / "c.svg")
    lines_drawn = ElementTree.parse(tmp_path / "c.svg").getroot().findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.attrib["points"].split()) for line in lines_drawn] == [3, 3]


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    job = Job("train", "s.yaml", Path("cache"), {"kind": "teacher", "seed": 3}, start=Path("w.safetensors"))
    job.write(tmp_path)
    assert read_job(tmp_path) == job
    assert (job.kind, job.fields) == ("teacher", {"seed": 3})


def samples(cache: Path, seed: int = 0) -> VideoClips:
    found = square_set(5)
    return VideoClips(list(found.clips), [clip.label for clip in found.clips], CONFIG, cache, (seed,))


def test_a_sample_depends_on_its_number_alone(tmp_path: Path) -> None:
    one, other = samples(tmp_path), samples(tmp_path)
    later = other[12]
    for number in range(12):
        one[number]
    assert torch.equal(one[12][0], later[0])
    assert one[12][0].shape == (3, 4, 24, 24)
    assert not torch.equal(samples(tmp_path, seed=1)[12][0], later[0])


def test_an_epoch_has_every_clip_once(tmp_path: Path) -> None:
    one = samples(tmp_path)
    labels = sorted(clip.label for clip in square_set(5).clips)
    assert [sorted(one[5 * epoch + i][1] for i in range(5)) for epoch in range(3)] == [labels] * 3


def test_processes_share_the_batches(tmp_path: Path) -> None:
    whole = [x for x, _ in samples(tmp_path).batches(1, 3, 4, slice(0, 4, 1), 1)]
    parts = [[x for x, _ in samples(tmp_path).batches(1, 3, 4, TrainingTeam(rank, 2).share(4), 1)] for rank in (0, 1)]
    assert len(whole) == 2
    for batch, first, second in zip(whole, *parts, strict=True):
        assert torch.equal(batch, torch.stack([first, second], 1).flatten(0, 1))


def test_views_are_clips_times_crops(tmp_path: Path) -> None:
    clip = square_set(1, frames=30).clips[0]
    frames = frames_of(clip, CONFIG, tmp_path)
    views = views_of(frames, CONFIG, ProtocolConfig(clips=4, crops=3), np.random.default_rng(0))
    assert views.shape == (12, 3, 4, 24, 24)
    left = frames[np.arange(4) * 2, :, :32, ::-1].mean((1, 2))  # RGB
    np.testing.assert_allclose(views[0].float().mean((2, 3)).T.numpy(), left, atol=1.0)


@given(
    height=st.integers(20, 90), width=st.integers(20, 90), area=st.floats(0.05, 1), size=st.integers(8, 64),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_a_view_stays_inside_the_picture(height: int, width: int, area: float, size: int, seed: int) -> None:
    view = random_view(height, width, ClipConfig(size=size, least_area=area), np.random.default_rng(seed))
    corners = np.array([(x, y, 1) for x in (-0.5, size - 0.5) for y in (-0.5, size - 0.5)]).T
    x, y = view @ corners
    assert x.min() >= -0.5 - 1e-6 and x.max() <= width - 0.5 + 1e-6
    assert y.min() >= -0.5 - 1e-6 and y.max() <= height - 0.5 + 1e-6
