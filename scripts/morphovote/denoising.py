"""Denoising by a convolutional autoencoder that learns from noisy cutouts alone.

The truth is never seen. From one noisy cutout y and fresh noise z of the same covariance, the
pair (y + tau z, y - z / tau) has independent noise, so that the squared difference between the
network's answer to the first and the second is, but for a constant, its squared error against
the noiseless image (Recorrupted-to-Recorrupted: Pang et al. 2021, CVPR, eq. 6-9). Noise in
drizzled mosaics is correlated from pixel to pixel, and so is z: its covariance is measured on
the sky of the cutouts.
"""

import csv
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from morphovote import shards
from morphovote.errors import InputError
from morphovote.flags import MISSING, NEIGHBOUR, NO_DATA
from morphovote.logs import log, progress
from morphovote.noise import draw_noise, noise_amplitude

# Standard deviations (pixels) of the Gaussian filters that the network mixes; 0 is no filter.
SIGMAS = (0.0, 0.7, 1.0, 1.5, 2.0, 3.0, 4.5, 7.0)
# Channels at full, half and quarter resolution; the code, at one eighth, has `latent`.
WIDTHS = (16, 24, 32)
# Galaxies in one call of the network. Fixed, so that a result never depends on the neighbours.
BATCH = 16
# The largest sample kept in memory for training: galaxies, and bytes of pixels.
SAMPLE_GALAXIES, SAMPLE_BYTES = 20_000, 1_500_000_000
# Galaxies seen in one epoch, at most; larger samples take several epochs to be seen once.
EPOCH_GALAXIES = 4096
VALIDATION_SHARE = 0.15
LEARNING_RATE = 3e-3
# Epochs without a better validation loss before training ends.
PATIENCE = 8
# Side of the patches seen in training (pixels).
PATCH = 64
# tau is drawn from this range. Large ones dim the galaxy: bright galaxies teach faint ones.
TAU = (0.4, 2.0)


class Denoiser(nn.Module):
    """A convolutional autoencoder that mixes Gaussian filters and adds what they miss.

    Each pixel of the answer is a weighted mean of zero and of `SIGMAS` Gaussian smoothings of
    the input, with weights (softmax) that the decoder gives for each pixel, plus a correction.

    Parameters
    ----------
    latent : int
        Channels of the innermost code, at one eighth of the resolution.
    """

    def __init__(self, latent: int = 40):
        super().__init__()
        self.latent = latent
        full, half, quarter = WIDTHS
        for i, sigma in enumerate(SIGMAS[1:]):
            x = torch.arange(-int(3.5 * sigma + 1), int(3.5 * sigma + 1) + 1)
            kernel = torch.exp(-0.5 * (x / sigma) ** 2)
            self.register_buffer(f"kernel{i}", kernel / kernel.sum(), persistent=False)
        # Smoothing by sigma leaves about 1 / (2 sqrt(pi) sigma) of white noise.
        gains = torch.tensor([max(1.0, 3.5 * sigma) ** 0.5 for sigma in SIGMAS])
        self.register_buffer("gains", gains[None, :, None, None], persistent=False)
        self.enter = _convolutions(len(SIGMAS) + 1, full, 1)
        self.down1 = _convolutions(full, half, 2)
        self.down2 = _convolutions(half, quarter, 2)
        self.code = _convolutions(quarter, latent, 2)
        self.up2 = _convolutions(latent + quarter, quarter, 1)
        self.up1 = _convolutions(quarter + half, half, 1)
        self.leave = _convolutions(half + full, full, 1)
        self.answer = nn.Conv2d(full, len(SIGMAS) + 2, 1)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(self, image: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Denoise.

        Parameters
        ----------
        image : Tensor
            Shape (N, 1, H, W), in units of the typical noise of each image.
        level : Tensor
            Shape (N, 1, H, W): noise of each pixel, in the same units (so about 1).

        Returns
        -------
        Tensor
            Shape (N, 1, H, W), float32, in the same units.
        """
        height, width = image.shape[-2:]
        bottom, right = -height % 8, -width % 8
        image = functional.pad(image, (0, right, 0, bottom), mode="replicate")
        level = functional.pad(level, (0, right, 0, bottom), mode="replicate")
        bank = torch.cat([image, *(self._smooth(image, i) for i in range(len(SIGMAS) - 1))], 1)
        pooled = functional.avg_pool2d
        features = torch.cat([torch.asinh(bank * self.gains), torch.log(level)], 1)
        full = self.enter(features.contiguous(memory_format=torch.channels_last))
        half = self.down1(pooled(full, 2))
        quarter = self.down2(pooled(half, 2))
        code = self.code(pooled(quarter, 2))
        quarter = self.up2(torch.cat([_enlarge(code), quarter], 1))
        half = self.up1(torch.cat([_enlarge(quarter), half], 1))
        answer = self.answer(self.leave(torch.cat([_enlarge(half), full], 1))).float()
        weights = torch.softmax(answer[:, :-1], 1)
        mixed = (weights[:, :-1] * bank).sum(1, keepdim=True)
        # The correction may grow with the light around, so bright and faint cost the same.
        size = torch.sqrt(1 + bank[:, 3:4] ** 2)
        return (mixed + answer[:, -1:] * size)[..., :height, :width]

    def _smooth(self, image: torch.Tensor, i: int) -> torch.Tensor:
        kernel = getattr(self, f"kernel{i}")
        reach = len(kernel) // 2
        image = functional.pad(image, (reach,) * 4, mode="replicate")
        image = functional.conv2d(image, kernel[None, None, :, None])
        return functional.conv2d(image, kernel[None, None, None, :])


def _convolutions(inside: int, outside: int, depth: int) -> nn.Sequential:
    layers = []
    for i in range(depth):
        layers += [nn.Conv2d(outside if i else inside, outside, 3, padding=1), nn.SiLU()]
    return nn.Sequential(*layers)


def _enlarge(image: torch.Tensor) -> torch.Tensor:
    # Bilinear, because nearest or transposed convolutions leave a checkerboard.
    return functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)


def noise_scale(rms: np.ndarray) -> np.ndarray:
    """Typical noise of each image: the median of its rms map, shape (N,), float32."""
    return np.median(rms, axis=(1, 2)).astype(np.float32)


def read_sample(paths: Sequence[str | Path], seed: int) -> dict[str, np.ndarray]:
    """Read a random sample of cutouts from all shards, of bounded size, in units of the noise.

    Parameters
    ----------
    paths : sequence of path
        Cutout shards. Galaxies without data are left out.
    seed : int

    Returns
    -------
    dict of ndarray
        `image` (float32), `level` (float16: rms relative to its median) and `mask` (uint8),
        each of shape (N, H, W), N at most `SAMPLE_GALAXIES`.

    Raises
    ------
    InputError
        If fewer than 8 galaxies have data.
    """
    usable = []
    for i, path in enumerate(paths):
        flags = shards.read_shard(path, ["flags"])["flags"]
        usable += [(i, row) for row in np.flatnonzero((flags & NO_DATA) == 0)]
    if len(usable) < 8:
        raise InputError(
            f"{Path(paths[0]).parent}: only {len(usable)} cutouts have data, and the denoiser "
            "needs at least 8 to train. Select more sources, or use a frozen `model`."
        )
    with shards.open_shard(paths[usable[0][0]]) as file:
        size = file["image"].shape[1:]
    most = min(SAMPLE_GALAXIES, max(8, SAMPLE_BYTES // (7 * size[0] * size[1])))
    if len(usable) > most:
        chosen = np.random.default_rng(seed).choice(len(usable), most, replace=False)
        usable = [usable[i] for i in np.sort(chosen)]
    sample = {
        "image": np.empty((len(usable), *size), np.float32),
        "level": np.empty((len(usable), *size), np.float16),
        "mask": np.empty((len(usable), *size), np.uint8),
    }
    done = 0
    for i, rows in itertools.groupby(usable, key=lambda pair: pair[0]):
        wanted, start = np.array([row for _, row in rows]), 0
        for batch in shards.iterate_batches(paths[i], ["image", "rms", "mask"], 256):
            here = wanted[(wanted >= start) & (wanted < start + len(batch["mask"]))] - start
            start += len(batch["mask"])
            to = slice(done, done + len(here))
            scale = noise_scale(batch["rms"][here])[:, None, None]
            sample["image"][to] = batch["image"][here] / scale
            sample["level"][to] = batch["rms"][here] / scale
            sample["mask"][to] = batch["mask"][here]
            done += len(here)
    return sample


def recorrupted_loss(
    model: Denoiser,
    image: torch.Tensor,
    level: torch.Tensor,
    good: torch.Tensor,
    noise: torch.Tensor,
    tau: torch.Tensor,
) -> torch.Tensor:
    """Recorrupted-to-Recorrupted loss: an unbiased estimate of the squared error.

    The pair is (y + tau z, y - z / tau), divided by sqrt(1 + tau^2): so the input has the noise
    of a real cutout, of a galaxy dimmed by that factor. The target's noise variance is then
    1 / tau^2, and tau^2 (at most 1) is the weight.

    Parameters
    ----------
    model : Denoiser
    image, level : Tensor
        Shape (N, H, W): cutouts and their rms maps in units of the typical noise.
    good : Tensor
        Shape (N, H, W), bool. Other pixels count for nothing.
    noise : Tensor
        Shape (N, H, W): z, with the covariance of the noise in `image`.
    tau : Tensor
        Shape (N,).

    Returns
    -------
    Tensor
        Scalar: mean over good pixels of the weighted squared difference.
    """
    tau = tau[:, None, None]
    dim = torch.sqrt(1 + tau**2)
    source = ((image + tau * noise) / dim)[:, None]
    target = (image - noise / tau) / dim
    answer = model(source, level[:, None])[:, 0]
    weight = torch.clamp(tau**2, max=1.0) * good
    return (weight * (answer - target) ** 2).sum() / weight.sum().clamp(min=1.0)


def train(
    sample: dict[str, np.ndarray],
    covariance: np.ndarray,
    latent: int = 40,
    epochs: int = 40,
    seed: int = 0,
) -> tuple[Denoiser, list[dict]]:
    """Train a denoiser on noisy cutouts.

    Parameters
    ----------
    sample : dict of ndarray
        From `read_sample`.
    covariance : ndarray
        From `noise.noise_correlation`.
    latent, epochs, seed : int
        `epochs` is the most there will be: training ends early once the validation loss has not
        improved for `PATIENCE` of them.

    Returns
    -------
    model : Denoiser
        With the weights of the best validation loss.
    curve : list of dict
        `epoch`, `train_loss`, `validation_loss`, `seconds` of each epoch.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Denoiser(latent).to(memory_format=torch.channels_last)
    count, height, width = sample["image"].shape
    order = torch.randperm(count, generator=generator)
    held = max(1, round(VALIDATION_SHARE * count))
    validation, training = order[:held].numpy(), order[held:].numpy()
    patch = (min(PATCH, height), min(PATCH, width))
    amplitude = noise_amplitude(covariance, *patch)
    per_epoch = min(len(training), EPOCH_GALAXIES)
    steps = epochs * -(-per_epoch // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=LEARNING_RATE, total_steps=steps + 1, pct_start=0.1
    )
    curve, best, best_state, queue = [], np.inf, None, np.empty(0, int)
    start = time.monotonic()
    for epoch in progress(range(1, epochs + 1), epochs, "epochs of training"):
        if len(queue) < per_epoch:
            queue = training[torch.randperm(len(training), generator=generator).numpy()]
        rows, queue = queue[:per_epoch], queue[per_epoch:]
        losses = []
        model.train()
        for i in range(0, len(rows), BATCH):
            batch = _patches(sample, rows[i : i + BATCH], patch, generator)
            noise = draw_noise(amplitude, batch[0].shape, generator) * batch[1]
            low, high = np.log(TAU)
            tau = torch.exp(low + (high - low) * torch.rand(len(noise), generator=generator))
            optimiser.zero_grad(set_to_none=True)
            loss = recorrupted_loss(model, *batch, noise, tau)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        value = _validate(model, sample, validation, covariance, seed)
        curve.append(
            {
                "epoch": epoch,
                "train_loss": float(np.mean(losses)),
                "validation_loss": value,
                "seconds": time.monotonic() - start,
            }
        )
        log.info(
            "epoch %d: training loss %.5f, validation loss %.5f", epoch, np.mean(losses), value
        )
        if value < best:
            best, best_epoch = value, epoch
            best_state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        elif epoch - best_epoch >= PATIENCE:
            log.info("no better validation loss for %d epochs: training ends", PATIENCE)
            break
    model.load_state_dict(best_state)
    return model.eval(), curve


def _patches(
    sample: dict[str, np.ndarray],
    rows: np.ndarray,
    patch: tuple[int, int],
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random patches that hold the cutout's middle, turned and mirrored at random."""
    height, width = sample["image"].shape[1:]
    parts = []
    for row in rows:
        draw = torch.rand(5, generator=generator).tolist()
        top = int(draw[0] * (height - patch[0] + 1))
        left = int(draw[1] * (width - patch[1] + 1))
        window = (row, slice(top, top + patch[0]), slice(left, left + patch[1]))
        bits = sample["mask"][window]
        layers = [sample["image"][window], sample["level"][window], _good(bits)]
        cut = torch.from_numpy(np.stack([layer.astype(np.float32) for layer in layers]))
        parts.append(_turn(cut, int(draw[2] * 4) if patch[0] == patch[1] else 0, draw[3] < 0.5))
    image, level, good = torch.stack(parts, 1)
    return image, level, good


def _good(mask: np.ndarray) -> np.ndarray:
    return (mask & (NEIGHBOUR | MISSING)) == 0


def _turn(image: torch.Tensor, quarters: int, mirrored: bool) -> torch.Tensor:
    image = torch.rot90(image, quarters, (-2, -1))
    return torch.flip(image, (-1,)) if mirrored else image


@torch.no_grad()
def _validate(
    model: Denoiser,
    sample: dict[str, np.ndarray],
    rows: np.ndarray,
    covariance: np.ndarray,
    seed: int,
) -> float:
    """Loss on whole, untouched cutouts, with the same fresh noise in each epoch."""
    generator = torch.Generator().manual_seed(seed + 1)
    amplitude = noise_amplitude(covariance, *sample["image"].shape[1:])
    losses, weights = [], []
    model.eval()
    for i in range(0, min(len(rows), EPOCH_GALAXIES // 4), BATCH):
        some = rows[i : i + BATCH]
        image = torch.from_numpy(sample["image"][some])
        level = torch.from_numpy(sample["level"][some].astype(np.float32))
        good = torch.from_numpy(_good(sample["mask"][some]))
        noise = draw_noise(amplitude, image.shape, generator) * level
        tau = torch.full((len(some),), 0.5)
        losses.append(recorrupted_loss(model, image, level, good, noise, tau).item())
        weights.append(len(some))
    return float(np.average(losses, weights=weights))


@torch.no_grad()
def denoise(model: Denoiser, images: np.ndarray, rms: np.ndarray) -> np.ndarray:
    """Denoise cutouts, as the mean over the eight turned and mirrored views of each.

    Parameters
    ----------
    model : Denoiser
    images, rms : ndarray
        Shape (N, H, W), finite, rms above zero.

    Returns
    -------
    ndarray
        Shape (N, H, W), float32, in the units of `images`. The answer for a cutout is the same
        to the bit whatever the others are.
    """
    model.eval()
    result = np.empty(images.shape, np.float32)
    square = images.shape[1] == images.shape[2]
    for i in range(0, len(images), BATCH):
        scale = noise_scale(rms[i : i + BATCH])[:, None, None]
        here = len(scale)
        image = torch.zeros((BATCH, 1, *images.shape[1:]))
        level = torch.ones_like(image)
        image[:here, 0] = torch.from_numpy(images[i : i + BATCH] / scale)
        level[:here, 0] = torch.from_numpy(rms[i : i + BATCH] / scale)
        answer = torch.zeros_like(image)
        for quarters, mirrored in itertools.product(range(4) if square else (0,), (False, True)):
            view = model(_turn(image, quarters, mirrored), _turn(level, quarters, mirrored))
            view = torch.flip(view, (-1,)) if mirrored else view
            answer += torch.rot90(view, -quarters, (-2, -1))
        answer /= 8 if square else 2
        result[i : i + here] = answer[:here, 0].numpy() * scale
    return result


def denoise_shard(model: Denoiser, cutouts: str | Path, path: str | Path) -> None:
    """Denoise a shard of cutouts into another; galaxies without data become zeros.

    Parameters
    ----------
    model : Denoiser
    cutouts, path : path
        Shard to read, with `image`, `rms`, `flags`; shard to write, with `row`, `id`, `image`
        and the attributes of the first.
    """
    size, parts = 4 * BATCH, []
    count = shards.count_rows(cutouts)
    batches = shards.iterate_batches(cutouts, ["image", "rms", "flags"], size)
    for batch in progress(batches, -(-count // size), f"batches of {size} galaxies"):
        clean = denoise(model, batch["image"], batch["rms"])
        clean[(batch["flags"] & NO_DATA) != 0] = 0.0
        parts.append(clean)
    arrays = shards.read_shard(cutouts, ["row", "id"])
    with shards.open_shard(cutouts) as file:
        empty = np.empty(file["image"].shape, np.float32)
    arrays["image"] = np.concatenate(parts) if parts else empty
    attributes = shards.read_attributes(cutouts)
    attributes.pop("made_by", None)
    shards.write_shard(path, arrays, attributes)


def save_denoiser(path: str | Path, model: Denoiser, covariance: np.ndarray) -> None:
    """Write a denoiser as safetensors, whole or not at all.

    The header holds `latent`, and `noise_correlation`, the row of covariances at positive lags
    along x, as text.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    middle = len(covariance) // 2
    metadata = {
        "format": "morphovote denoiser 1",
        "latent": str(model.latent),
        "sigmas": " ".join(map(str, SIGMAS)),
        "noise_covariance": " ".join(f"{c:.5f}" for c in covariance[middle, middle:]),
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(tensors, partial, metadata)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def load_denoiser(path: str | Path) -> Denoiser:
    """Read a denoiser.

    Raises
    ------
    InputError
        If the file is missing, damaged, or no denoiser of this version.
    """
    advice = "Train it again, or give a `model` folder with an intact one."
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error}). {advice}") from error
    kind, latent = metadata.get("format"), metadata.get("latent", "")
    if kind != "morphovote denoiser 1" or not latent.isdecimal() or not int(latent):
        raise InputError(
            f"{path}: not a denoiser: header field 'format' is {kind!r} and 'latent' {latent!r}, "
            f"expected 'morphovote denoiser 1' and a positive number. {advice}"
        )
    model = Denoiser(int(latent))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{path}: its arrays do not fit a denoiser of latent {latent}. {advice}"
        ) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise InputError(f"{path}: its weights are not all finite numbers. {advice}")
    return model.to(memory_format=torch.channels_last).eval()


def write_curve(path: str | Path, curve: list[dict]) -> None:
    """Write a loss curve as CSV, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    with open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["epoch", "train_loss", "validation_loss", "seconds"])
        writer.writeheader()
        writer.writerows(curve)
    os.replace(partial, path)
