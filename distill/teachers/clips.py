"""Clips as teachers see them: RGB pictures, a random piece for training, every view of the protocol for a test.

A training sample is a pure function of the seed, the stage and its number, so that workers, processes and resumed
trainings all see the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from calibration.clip_sets import sampling
from calibration.clip_sets.clips import Clip
from distill.enhance import Enhancer, build_enhancer
from distill.teachers.recipe import ClipConfig, ProtocolConfig
from edge.errors import ConfigError, DataError
from edge.files import file_in_one_step

Rng = np.random.Generator
U8 = npt.NDArray[np.uint8]
ASPECT = 4 / 3  # of a training crop, at most; its inverse at least
REVISION = 1


@dataclass
class VideoClips(Dataset[tuple[Tensor, int]]):
    """Training samples by number: uint8 [3,T,H,W] RGB, and the label."""

    clips: list[Clip]
    labels: list[int]
    config: ClipConfig
    cache: Path
    seed: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        epoch, place = divmod(number, len(self.clips))
        index = int(np.random.default_rng([*self.seed, 0, epoch]).permutation(len(self.clips))[place])
        rng = np.random.default_rng([*self.seed, 1, number])
        frames = frames_of(self.clips[index], self.config, self.cache)
        return to_tensor(self._draw(frames, rng)), self.labels[index]

    def batches(
        self, first: int, steps: int, batch: int, share: slice, workers: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of steps `first` to `steps`, this process's share of each; fetched ahead by `workers`."""
        numbers = [list(range(step * batch, (step + 1) * batch))[share] for step in range(first, steps)]
        processes = workers if workers > 1 else 0
        loader = DataLoader(
            self,
            batch_sampler=numbers,
            num_workers=processes,
            # Fresh processes, not forks: a fork of a process that has used PyTorch's threads can hang.
            multiprocessing_context="spawn" if processes else None,
            # Its own, because a loader draws a seed when it starts: a resumed training would go another way.
            generator=torch.Generator(),
        )
        return iter(loader)

    def _draw(self, frames: U8, rng: Rng) -> U8:
        config = self.config
        piece = self.enhance(sampling.take(list(frames), train_indices(len(frames), config, rng)))
        height, width = piece.shape[1:3]
        view = random_view(height, width, config, rng)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (config.size, config.size)
        return np.stack([cv2.warpAffine(f, view, size, flags=flags, borderMode=cv2.BORDER_REPLICATE) for f in piece])

    @cached_property
    def enhance(self) -> Enhancer:
        """Built where it is used: not every enhancer travels between processes."""
        return enhancer_of(self.config)

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in vars(self).items() if key != "enhance"}


def views_of(frames: U8, config: ClipConfig, protocol: ProtocolConfig, rng: Rng) -> Tensor:
    """Every view of the protocol: uint8 [N,h,w,3] BGR -> uint8 [views,3,T,H,W] RGB. rng: for Delta Sampling."""
    enhance = enhancer_of(config)
    height, width = frames.shape[1:3]
    if config.sampling == "dense":
        views = sampling.multi_view(
            len(frames), config.frames, height, width, config.stride, protocol.clips, protocol.crops
        )
    else:
        drawn = (
            sampling.delta_views(len(frames), config.frames, rng, protocol.draws)
            if config.sampling == "delta"
            else [sampling.uniform(len(frames), config.frames)]
        )
        boxes = sampling.squares(height, width, protocol.crops)
        views = [sampling.View(indices, box) for indices in drawn for box in boxes]
    pieces, images = {}, list(frames)
    for view in views:
        key = view.indices.tobytes()
        if key not in pieces:
            pieces[key] = enhance(sampling.take(images, view.indices))
    return to_tensor(np.stack([_crop(pieces[v.indices.tobytes()], v.box, config.size) for v in views]))


def frames_of(clip: Clip, config: ClipConfig, cache: Path) -> U8:
    """The whole clip, its shorter side scaled: uint8 [N,h,w,3] BGR; from the cache if the recipe keeps clips there.

    Raises DataError where it cannot be decoded.
    """
    key = hashlib.sha256(repr((REVISION, clip.identity, config.shorter)).encode()).hexdigest()[:32]
    path = cache / f"{key}.npy"
    if config.keep and path.exists():
        stored: U8 = np.load(path, mmap_mode="r")
        return stored
    frames = [_scaled(frame.image, config.shorter) for frame in clip.frames()]
    if not frames:
        raise DataError(f"{clip.name}: expected frames, found none")
    whole = np.stack(frames)
    if config.keep:
        cache.mkdir(parents=True, exist_ok=True)
        with file_in_one_step(path) as aside, aside.open("wb") as file:
            np.save(file, whole)
    return whole


def train_indices(frames: int, config: ClipConfig, rng: Rng) -> sampling.Indices:
    """Which frames a training sample sees: int64 [T]."""
    if config.sampling == "dense":
        return sampling.dense(frames, config.frames, config.stride, rng)
    draw = sampling.delta if config.sampling == "delta" else sampling.uniform
    return draw(frames, config.frames, rng)


def random_view(height: int, width: int, config: ClipConfig, rng: Rng) -> npt.NDArray[np.float64]:
    """Where a pixel of the result comes from, as an affine map [2,3]: a random crop, mirrored, turned.

    With least_area 1 a square as large as the picture allows, from anywhere along its longer side.
    """
    area, aspect = height * width * rng.uniform(config.least_area, 1), np.exp(rng.uniform(-1, 1) * np.log(ASPECT))
    across, down = np.sqrt(area * aspect), np.sqrt(area / aspect)
    if config.least_area >= 1:
        across = down = min(height, width)
    across, down = min(across, width), min(down, height)
    left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
    mirrored = rng.random() < config.flip
    angle = np.radians(rng.uniform(-config.rotation, config.rotation))
    scale = np.diag([-across if mirrored else across, down]) / config.size
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale @ turn
    middle = np.full(2, (config.size - 1) / 2)
    centre = np.array([left + (across - 1) / 2, top + (down - 1) / 2])
    return np.column_stack([linear, centre - linear @ middle])


def enhancer_of(config: ClipConfig) -> Enhancer:
    """The recipe's enhancer; for `none` one that changes nothing. Raises ConfigError, DataError."""
    if config.enhance == "none":
        return lambda frames: frames
    options = {} if config.enhance_weights is None else {"weights": config.enhance_weights}
    if config.enhance == "zero_dce" and not options:
        raise ConfigError("clip: enhance: zero_dce needs enhance_weights, which `distill train zero_dce.yaml` makes")
    # A network's first weights are drawn before its own are loaded: the training must not notice.
    with torch.random.fork_rng(devices=[]):
        return build_enhancer(config.enhance, **options)


def to_tensor(views: U8) -> Tensor:
    """uint8 [...,T,H,W,3] BGR -> uint8 [...,3,T,H,W] RGB."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(views[..., ::-1], -1, -4)))


def _crop(frames: U8, box: tuple[int, int, int], size: int) -> U8:
    top, left, side = box
    crops = (frame[top : top + side, left : left + side] for frame in frames)
    return np.stack([cv2.resize(crop, (size, size), interpolation=cv2.INTER_LINEAR) for crop in crops]).astype(np.uint8)


def _scaled(image: U8, shorter: int) -> U8:
    height, width = image.shape[:2]
    factor = shorter / min(height, width)
    size = (max(shorter, round(width * factor)), max(shorter, round(height * factor)))
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)
