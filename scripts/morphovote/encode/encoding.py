"""Encoding: polar images to the pooled features of a ConvNeXt."""

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

# Every batch has this many galaxies, the last padded: the kernels that the hardware picks depend
# on the batch's shape, so only a fixed one gives a galaxy the same bits in any company.
BATCH = 32
# Planes that show a network structure: window (rows, columns) of the local mean, and how much
# the brightness above the mean of the ring, and above the local mean, is amplified.
WINDOW, CONTRASTS = (9, 17), (4.0, 8.0)
# Columns of the input after which a ConvNeXt sees the same picture again.
STRIDE = 32
# Threads that keep a GPU busy: while it computes one batch, others are prepared and copied.
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
    """Encode the polar images of a shard, a few batches in memory at a time.

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

    Each processor takes batches of its own: faster than all of them sharing the arithmetic of
    one small batch, and the result does not depend on how many there are.

    Parameters
    ----------
    polar : dict of ndarray
        `image` (N, R, A) and `angle` (N,), NaN where a galaxy has no data.
    model : nn.Module
        A ConvNeXt with pooled features, as `weights.load_encoder` gives it. Changed in place:
        wraps in angle from here on.
    card : dict
        `mean`, `std`, `channels`, `upsample`, `planes`.
    precision : str
        'auto', 'float32' or 'bfloat16'.
    rotations : int
        Average over this many shifts of the image along the angle, and, if more than one, over
        the mirror of each as well.
    threads : int
        Processors.
    scheme : {'normalised', 'published'}
        How the picture is prepared; published, the network does not wrap in angle either.

    Returns
    -------
    ndarray of float32, shape (N, D)
        NaN for galaxies without data.

    Raises
    ------
    InputError
        If precision or rotations is not one that there is.
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
    """Make a network wrap in angle and put it where it will run, in evaluation mode.

    The head (pooling and norm) stays in float32: it costs nothing, and in bfloat16 would round
    the features themselves to three digits.
    """
    if wrap:
        wrap_angle(model)
    model = model.eval().to(device, dtype, memory_format=torch.channels_last)
    model.head.float()
    return model


def prepare_input(images: np.ndarray, card: dict, dtype: torch.dtype) -> torch.Tensor:
    """Polar images (n, R, A) as a full batch of network input.

    Returns
    -------
    Tensor, shape (32, 3, upsample R, upsample A)
        Grey in every channel, or, where the card's `planes` is 'structure', those of
        `structure_planes`; the network's own mean and standard deviation are taken out.
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
    """The same as published: (32, channels, 224, 224), values in [0, 1]."""
    pictures = network_input(images, card["channels"])
    full = torch.zeros((BATCH, *pictures.shape[1:]))
    full[: len(images)] = pictures
    return full.to(dtype, memory_format=torch.channels_last)


# By the config's `encoder.input`: how a picture is prepared, whether the network wraps in angle.
INPUTS = {"normalised": (prepare_input, True), "published": (prepare_published_input, False)}


def structure_planes(grey: torch.Tensor) -> torch.Tensor:
    """Three views of polar images: brightness, and what stands out of the ring and locally.

    Arms, bars and lanes are faint ripples on a bright disc; a small network sees them better
    when the disc is taken away. Turning or mirroring the image does the same to every plane.

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
    # In place: beside a small network these few operations count.
    excess = [
        (grey - mean).mul_(contrast).tanh_().mul_(0.5).add_(0.5)
        for contrast, mean in zip(CONTRASTS, (ring, local), strict=True)
    ]
    return torch.cat([grey, *excess], 1)


def _moving_mean(values: torch.Tensor, side: int, axis: int) -> torch.Tensor:
    """Mean of `side` neighbours along an axis, which becomes shorter by side - 1."""
    total = pad(values, (1, 0) if axis == -1 else (0, 0, 1, 0)).cumsum(axis)
    count = values.shape[axis] - side + 1
    return (total.narrow(axis, side, count) - total.narrow(axis, 0, count)) / side


@torch.inference_mode()
def encode_batch(model: nn.Module, images: torch.Tensor, rotations: int) -> torch.Tensor:
    """Features (B, D) float32 of one batch of input (B, C, H, W), averaged over rotations.

    The network gives the same features after a shift by its stride, so the shifts are spread
    evenly over one stride. The mirrored picture keeps column 0, the zero angle, in place.
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
    """Feature maps of pictures shifted along the angle, without repeating what they share.

    A network that wraps in angle makes the same maps of a picture shifted by the stride of a
    stage, only shifted too. So the stages up to there are computed once for all shifts that
    differ by a multiple of it, as in the `algorithme a trous` (Holschneider et al. 1989): of two
    rotations only the last stage is computed twice.

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
        The last map, up to a shift, which pooling does not see.
    int
        For how many of the shifts it stands.
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
    """A convolution that pads its width, the angle, with the columns of the other end."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        height, self.columns = conv.padding
        conv.padding = (height, 0)
        self.conv = conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[-1]
        if self.columns > width:  # wraps more than once: a picture narrower than the kernel
            index = torch.arange(-self.columns, width + self.columns, device=x.device) % width
            return self.conv(x[..., index])
        # One copy and one convolution; torch's own circular mode is several times slower.
        return self.conv(torch.cat([x[..., -self.columns :], x, x[..., : self.columns]], -1))


def wrap_angle(module: nn.Module) -> None:
    """Give every convolution of a network that pads its width circular padding, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.padding[1] > 0:
            setattr(module, name, _WrappedConv(child))
        elif not isinstance(child, _WrappedConv):
            wrap_angle(child)
