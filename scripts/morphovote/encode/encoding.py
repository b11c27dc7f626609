"""Encoding: from polar images to embeddings, the pooled features of a ConvNeXt."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from morphovote.compute.batches import map_ordered
from morphovote.compute.devices import choose_dtype, pick_device
from morphovote.encode.inputs import network_input
from morphovote.errors import InputError
from morphovote.logs import progress
from morphovote.storage import shards

# Every batch has this many galaxies (the last is padded). The kernels that the hardware chooses
# depend on the batch's shape, so only a fixed shape gives a galaxy the same bits in every batch.
BATCH = 32
# Input planes that emphasise structure: window (rows, columns) of the local mean, and the gain of
# the brightness above the ring's mean and above the local mean.
WINDOW, CONTRASTS = (9, 17), (4.0, 8.0)
# Shift in input columns that leaves the features of a ConvNeXt unchanged.
STRIDE = 32
# Threads that keep a GPU busy: while it computes one batch, the next are prepared and copied.
GPU_FEEDERS = 3


def encode_shard(
    path: str | Path,
    model: nn.Module,
    card: dict,
    precision: str = "auto",
    rotations: int = 1,
    threads: int = 1,
    scheme: str = "normalised",
) -> np.ndarray:
    """Encode the polar images of a shard, with a few batches in memory at a time.

    Parameters
    ----------
    path : str or Path
        A shard with `image` (N, R, A) and `angle` (N,), NaN where a galaxy has no data.
    model, card, precision, rotations, threads, scheme
        See `encode`.

    Returns
    -------
    ndarray of float32, shape (N, D)
        NaN for galaxies without data.

    Raises
    ------
    InputError
        See `encode`.
    """
    batches = shards.iterate_batches(path, ["image", "angle"], BATCH)
    return _encode_batches(
        batches, shards.count_rows(path), model, card, precision, rotations, threads, scheme
    )


def encode(
    polar: dict[str, np.ndarray],
    model: nn.Module,
    card: dict,
    precision: str = "auto",
    rotations: int = 1,
    threads: int = 1,
    scheme: str = "normalised",
) -> np.ndarray:
    """Encode polar images.

    Each processor takes its own batches. This is faster than sharing the arithmetic of one small
    batch among all processors, and the result does not depend on their number.

    Parameters
    ----------
    polar : dict of ndarray
        `image` (N, R, A) and `angle` (N,), NaN where a galaxy has no data.
    model : nn.Module
        A ConvNeXt with pooled features, from `weights.load_encoder`. Changed in place to wrap
        in angle.
    card : dict
        `mean`, `std`, `channels`, `upsample`, `planes`.
    precision : str
        'auto', 'float32' or 'bfloat16'.
    rotations : int
        Number of shifts in angle to average over; if more than one, the mirror image of each is
        included.
    threads : int
        Number of threads.
    scheme : {'normalised', 'published'}
        How the image is prepared; with 'published' the network does not wrap in angle.

    Returns
    -------
    ndarray of float32, shape (N, D)
        NaN for galaxies without data.

    Raises
    ------
    InputError
        If precision or rotations is not an allowed value.
    """
    count = len(polar["image"])
    batches = (
        {name: polar[name][start : start + BATCH] for name in ("image", "angle")}
        for start in range(0, count, BATCH)
    )
    return _encode_batches(
        batches, count, model, card, precision, rotations, threads, scheme
    )  # fmt: skip


def _encode_batches(
    batches: Iterable[dict[str, np.ndarray]],
    count: int,
    model: nn.Module,
    card: dict,
    precision: str,
    rotations: int,
    threads: int,
    scheme: str,
) -> np.ndarray:
    """Features (N, D) of N = `count` galaxies in batches of `BATCH`; see `encode`."""
    device = pick_device()
    dtype = choose_dtype(precision, device)
    prepare, wrap = INPUTS[scheme]
    encoder = prepare_model(model, device, dtype, wrap)
    result = np.full((count, model.num_features), np.nan, np.float32)

    def features_of(batch: dict[str, np.ndarray]) -> np.ndarray:
        images = prepare(batch["image"], card, dtype).to(device)
        features = encode_batch(encoder, images, rotations)[: len(batch["image"])].cpu().numpy()
        features[~np.isfinite(batch["angle"])] = np.nan
        return features

    workers = threads if device.type == "cpu" else min(threads, GPU_FEEDERS)
    encoded = map_ordered(features_of, batches, workers)
    start = 0
    for features in progress(encoded, -(-count // BATCH), f"batches of {BATCH} galaxies"):
        result[start : start + len(features)] = features
        start += len(features)
    return result


def prepare_model(
    model: nn.Module, device: torch.device, dtype: torch.dtype, wrap: bool = True
) -> nn.Module:
    """Make a network wrap in angle, and move it to its device, in evaluation mode.

    The head (pooling and normalisation) stays in float32: in bfloat16 it would round the features
    to three digits, and float32 costs nothing here.
    """
    if wrap:
        wrap_angle(model)
    model = model.eval().to(device, dtype, memory_format=torch.channels_last)
    model.head.float()
    return model


def prepare_input(images: np.ndarray, card: dict, dtype: torch.dtype) -> torch.Tensor:
    """Convert polar images (n, R, A) to a full batch of network input.

    Returns
    -------
    Tensor, shape (32, 3, upsample R, upsample A)
        The image in every channel, or the planes of `structure_planes` if the card's `planes` is
        'structure'; normalised by the network's own mean and standard deviation.
    """
    grey = torch.zeros((BATCH, 1, *images.shape[1:]))
    grey[: len(images), 0] = torch.from_numpy(np.asarray(images, np.float32))
    if card["upsample"] > 1:
        factor = card["upsample"]
        wrapped = pad(pad(grey, (2, 2, 0, 0), mode="circular"), (0, 0, 2, 2), mode="replicate")
        large = interpolate(wrapped, scale_factor=factor, mode="bicubic", align_corners=False)
        grey = large[..., 2 * factor : -2 * factor, 2 * factor : -2 * factor].clamp(0, 1)
    if card["planes"] == "structure":
        grey = structure_planes(grey)
    mean, std = (torch.tensor(card[key])[:, None, None] for key in ("mean", "std"))
    return (grey - mean).div_(std).to(dtype, memory_format=torch.channels_last)


def prepare_published_input(images: np.ndarray, card: dict, dtype: torch.dtype) -> torch.Tensor:
    """Network input as published: (32, channels, 224, 224), values in [0, 1]."""
    pictures = network_input(images, card["channels"])
    full = torch.zeros((BATCH, *pictures.shape[1:]))
    full[: len(images)] = pictures
    return full.to(dtype, memory_format=torch.channels_last)


# For each `encoder.input` of the config: how to prepare images, and whether to wrap in angle.
INPUTS = {"normalised": (prepare_input, True), "published": (prepare_published_input, False)}


def structure_planes(grey: torch.Tensor) -> torch.Tensor:
    """Three planes of polar images: brightness, and its excess over its ring and locally.

    Arms, bars and dust lanes are faint ripples on a bright disc; a small network sees them better
    when the disc is subtracted. Every plane rotates and mirrors with the image.

    Parameters
    ----------
    grey : Tensor, shape (B, 1, R, A)
        In [0, 1].

    Returns
    -------
    Tensor, shape (B, 3, R, A)
        In [0, 1]: the image; its excess over the mean of each radius; its excess over the mean
        of a window of 9 radii by 17 angles. No excess is 0.5.
    """
    rows, columns = (side // 2 for side in WINDOW)
    padded = torch.cat([grey[..., -columns:], grey, grey[..., :columns]], -1)
    padded = pad(padded, (0, 0, rows, rows), mode="replicate")
    local = _moving_mean(_moving_mean(padded, WINDOW[1], -1), WINDOW[0], -2)
    ring = grey.mean(-1, keepdim=True)
    # In place, because these operations take noticeable time compared with a small network.
    excess = [
        (grey - mean).mul_(contrast).tanh_().mul_(0.5).add_(0.5)
        for contrast, mean in zip(CONTRASTS, (ring, local), strict=True)
    ]
    return torch.cat([grey, *excess], 1)


def _moving_mean(values: torch.Tensor, side: int, axis: int) -> torch.Tensor:
    """Mean of `side` neighbours along an axis, which gets shorter by side - 1."""
    total = pad(values, (1, 0) if axis == -1 else (0, 0, 1, 0)).cumsum(axis)
    count = values.shape[axis] - side + 1
    return (total.narrow(axis, side, count) - total.narrow(axis, 0, count)) / side


@torch.inference_mode()
def encode_batch(model: nn.Module, images: torch.Tensor, rotations: int) -> torch.Tensor:
    """Features (B, D) float32 of one batch of input (B, C, H, W), averaged over rotations.

    A shift by the network's stride does not change the features, so the shifts are spread evenly
    over one stride. The mirrored image keeps column 0, the zero angle, in place.
    """
    if not 1 <= rotations <= STRIDE:
        raise InputError(
            f"config encoder.rotations: found {rotations}, expected 1 to {STRIDE}. "
            "Correct the config."
        )

    if rotations == 1:
        return model.forward_head(model.forward_features(images).float())
    shifts = [round(k * STRIDE / rotations) for k in range(rotations)]
    total = 0.0
    for view in (images, images.flip(-1).roll(1, -1)):
        for shown, times in last_maps(model, view, shifts):
            total = total + times * model.forward_head(shown.float())
    return total / (2 * rotations)


def last_maps(
    model: nn.Module, images: torch.Tensor, shifts: list[int]
) -> Iterator[tuple[torch.Tensor, int]]:
    """Feature maps of images shifted in angle, without repeating shared computations.

    In a network that wraps in angle, shifting the image by the stride of a stage shifts the maps of
    that stage and changes nothing else. So the stages up to there are computed once for all shifts
    that differ by a multiple of this stride, as in the `algorithme a trous` (Holschneider et al.
    1989). With two rotations, only the last stage is computed twice.

    Parameters
    ----------
    model : nn.Module
        A ConvNeXt that wraps in angle.
    images : Tensor, shape (B, C, H, W)
        W is a multiple of the network's stride.
    shifts : list of int
        Columns.

    Yields
    ------
    Tensor, shape (B, D, H', W')
        The last map, up to a shift, which does not change the pooled features.
    int
        Number of shifts that share this map.
    """
    views, reached = [(images, shifts)], 1
    for k, (stage, about) in enumerate(zip(model.stages, model.feature_info, strict=True)):
        section = stage if k else nn.Sequential(model.stem, stage)
        stride, reached = about["reduction"] // reached, about["reduction"]
        views = [
            (section(view.roll(start, -1)), [s // stride for s in left if s % stride == start])
            for view, left in views
            for start in sorted({s % stride for s in left})
        ]
    for view, left in views:
        yield model.norm_pre(view), len(left)


class _WrappedConv(nn.Module):
    """A convolution that pads its width, the angle, with columns from the opposite end."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        height, self.columns = conv.padding
        conv.padding = (height, 0)
        self.conv = conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[-1]
        if self.columns > width:  # image narrower than the kernel: wraps more than once
            index = torch.arange(-self.columns, width + self.columns, device=x.device) % width
            return self.conv(x[..., index])
        # One copy and one convolution: PyTorch's own circular padding is several times slower.
        return self.conv(torch.cat([x[..., -self.columns :], x, x[..., : self.columns]], -1))


def wrap_angle(module: nn.Module) -> None:
    """Give circular padding in width to every padded convolution of a network, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.padding[1] > 0:
            setattr(module, name, _WrappedConv(child))
        elif not isinstance(child, _WrappedConv):
            wrap_angle(child)
