"""Denoising by a convolutional autoencoder that learns from noisy cutouts alone.

No noiseless image is needed. Given a noisy cutout y and fresh noise z of the same covariance, the
pair (y + tau z, y - z / tau) has independent noise. The expected squared difference between the
network's output for the first and the second is therefore, up to a constant, the squared error of
that output (Recorrupted-to-Recorrupted: Pang et al. 2021, CVPR, eq. 6-9). Noise in drizzled
mosaics is correlated between pixels, and so is z: its covariance is measured on the sky of the
cutouts.
"""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from morphovote.denoise.network import STRIDE, Denoiser, centre_distance, save_denoiser
from morphovote.denoise.noise import draw_noise, noise_amplitude, noise_correlation
from morphovote.errors import InputError
from morphovote.flags import MISSING, NEIGHBOUR, NO_DATA
from morphovote.logs import log, progress
from morphovote.storage import shards
from morphovote.storage.files import write_curve

# Galaxies per call of the network. Fixed, so that a result never depends on other galaxies.
BATCH = 16
# Largest training sample kept in memory: galaxies, and bytes of pixels.
SAMPLE_GALAXIES, SAMPLE_BYTES = 20_000, 1_500_000_000
# Maximum number of galaxies per epoch; a pass through a larger sample takes several epochs.
EPOCH_GALAXIES = 4096
VALIDATION_SHARE = 0.15
LEARNING_RATE = 3e-3
# Epochs without a better validation loss after which training stops.
PATIENCE = 8
# Galaxies per training step.
STEP = 8
# Side of the training patches, and largest offset of their centre from the galaxy (px).
PATCH, SHIFT = 48, 12
# Side (px) of the middle of held-out cutouts on which the loss is judged: what is around counts
# little in it.
VALIDATED = 64
# Range of tau. Large values dim the galaxy, so that bright galaxies also serve as faint ones.
TAU = (0.4, 2.5)
# Maximum weight of a pair; the weight grows as tau^2, like the precision of the target.
MAX_WEIGHT = 4.0
# The output is limited to this distance from the data, in units of each pixel's noise. Noise does
# not exceed it, but the network can be far off on what it has rarely seen, such as bright stars.
REACH = 5.0
# Width (px) of the window about the middle whose light tells which way round a galaxy is.
WINDOW = 12.0
# Views of a galaxy, from the way round that is its own: as it is, and turned by half. The
# mean of eight has errors 0 to 1.4 % lower on the demo.
VIEWS = ((0, False), (2, False))


def noise_scale(rms: np.ndarray) -> np.ndarray:
    """Typical noise of each image: the median of its rms map, shape (N,), float32."""
    return np.median(rms, axis=(1, 2)).astype(np.float32)


def in_noise_units(images: np.ndarray, rms: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Cutouts (N, H, W) as `train` takes them: `image`, `level` and `mask`, see `read_sample`."""
    scale = noise_scale(rms)[:, None, None]
    return {"image": images / scale, "level": (rms / scale).astype(np.float16), "mask": mask}


def read_sample(
    paths: Sequence[str | Path], seed: int, limit: int | None = None
) -> dict[str, np.ndarray]:
    """Read a bounded random sample of cutouts from all shards, in units of the noise.

    Parameters
    ----------
    paths : sequence of path
        Cutout shards. Galaxies without data are left out.
    seed : int
    limit : int, optional
        Maximum number of galaxies. Default: `SAMPLE_GALAXIES`.

    Returns
    -------
    dict of ndarray
        `image` (float32), `level` (float16: rms relative to its median) and `mask` (uint8),
        each of shape (N, H, W), with N at most the limit.

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
    most = min(limit or SAMPLE_GALAXIES, max(8, SAMPLE_BYTES // (7 * size[0] * size[1])))
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
            some = in_noise_units(*(batch[name][here] for name in ("image", "rms", "mask")))
            for name, values in some.items():
                sample[name][to] = values
            done += len(here)
    return sample


def recorrupted_loss(
    model: Denoiser,
    image: torch.Tensor,
    place: torch.Tensor,
    good: torch.Tensor,
    noise: torch.Tensor,
    tau: torch.Tensor,
) -> torch.Tensor:
    """Recorrupted-to-Recorrupted loss: an unbiased estimate of the squared error.

    The pair (y + tau z, y - z / tau) is divided by sqrt(1 + tau^2), so that the input looks like a
    real cutout of a galaxy dimmed by that factor. The target's noise variance is then 1 / tau^2,
    and its weight tau^2 (at most `MAX_WEIGHT`). The weight is divided by the brightness of the
    input, so that a bright galaxy does not count as much as many faint ones. A weight that depends
    on the input alone does not change the best output, the conditional mean.

    Parameters
    ----------
    model : Denoiser
    image : Tensor
        Shape (N, H, W): cutouts in units of the typical noise.
    place : Tensor
        Shape (N, H, W), from `centre_distance`.
    good : Tensor
        Shape (N, H, W), bool. Other pixels are ignored.
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
    answer = model(source, place[:, None])[:, 0]
    weight = _weights(source[:, 0], place, good, tau)
    return (weight * (answer - target) ** 2).sum() / weight.sum().clamp(min=1e-6)


def _weights(
    source: torch.Tensor, place: torch.Tensor, good: torch.Tensor, tau: torch.Tensor
) -> torch.Tensor:
    brightness = 1 + torch.abs(functional.avg_pool2d((source * good)[:, None], 5, 1, 2))[:, 0]
    # The galaxy itself matters most; most pixels around it are plain sky.
    middle = 0.1 + torch.exp(-0.5 * (place / 12) ** 2)
    return torch.clamp(tau**2, max=MAX_WEIGHT) * good * middle / brightness


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
        `epochs` is the maximum: training stops early once the validation loss has not improved
        for `PATIENCE` epochs.

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
    steps = epochs * -(-per_epoch // STEP)
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
        for i in range(0, len(rows), STEP):
            optimiser.zero_grad(set_to_none=True)
            loss = _step_loss(model, sample, rows[i : i + STEP], patch, amplitude, generator)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        value = _validate(model, sample, validation, covariance, seed)
        if not np.isfinite(value):
            raise InputError(
                "The denoiser's loss is not a number: the cutouts' noise is zero or their values "
                "are out of range.\nCheck the images' `rms` or `weight` maps, or leave them out."
            )
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
            log.info("no better validation loss for %d epochs: training stops", PATIENCE)
            break
    model.load_state_dict(best_state)
    return model.eval(), curve


def _step_loss(
    model: Denoiser,
    sample: dict[str, np.ndarray],
    rows: np.ndarray,
    patch: tuple[int, int],
    amplitude: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Loss on random patches of some galaxies, with fresh noise."""
    image, level, place, good = _patches(sample, rows, patch, generator)
    noise = draw_noise(amplitude, image.shape, generator) * level
    tau = _draw_tau(len(noise), generator)
    return recorrupted_loss(model, image, place, good, noise, tau)


def _draw_tau(count: int, generator: torch.Generator) -> torch.Tensor:
    low, high = np.log(TAU)
    return torch.exp(low + (high - low) * torch.rand(count, generator=generator))


def _patches(
    sample: dict[str, np.ndarray],
    rows: np.ndarray,
    patch: tuple[int, int],
    generator: torch.Generator,
) -> tuple[torch.Tensor, ...]:
    """Random patches that contain the cutout's centre, randomly rotated and mirrored."""
    height, width = sample["image"].shape[1:]
    place = centre_distance(height, width).numpy()
    parts = []
    for row in rows:
        draw = torch.rand(4, generator=generator).tolist()
        top, left = (
            round((side - part) / 2 + (2 * share - 1) * min(SHIFT, (side - part) / 2))
            for side, part, share in zip((height, width), patch, draw[:2], strict=True)
        )
        window = (row, slice(top, top + patch[0]), slice(left, left + patch[1]))
        bits = sample["mask"][window]
        layers = [sample["image"][window], sample["level"][window], place[window[1:]], _good(bits)]
        cut = torch.from_numpy(np.stack([layer.astype(np.float32) for layer in layers]))
        parts.append(_turn(cut, int(draw[2] * 4) if patch[0] == patch[1] else 0, draw[3] < 0.5))
    image, level, place, good = torch.stack(parts, 1)
    return image, level, place, good


def _good(mask: np.ndarray) -> np.ndarray:
    return (mask & (NEIGHBOUR | MISSING)) == 0


def _turn(image: torch.Tensor, quarters: int, mirrored: bool) -> torch.Tensor:
    image = torch.rot90(image, quarters, (-2, -1))
    return torch.flip(image, (-1,)) if mirrored else image


def _turn_back(image: torch.Tensor, quarters: int, mirrored: bool) -> torch.Tensor:
    image = torch.flip(image, (-1,)) if mirrored else image
    return torch.rot90(image, -quarters, (-2, -1))


@torch.no_grad()
def _validate(
    model: Denoiser,
    sample: dict[str, np.ndarray],
    rows: np.ndarray,
    covariance: np.ndarray,
    seed: int,
) -> float:
    """Loss on the middle of held-out cutouts, with the same added noise in each epoch."""
    generator = torch.Generator().manual_seed(seed + 1)
    whole = sample["image"].shape[1:]
    middle = tuple(slice((n - min(n, VALIDATED)) // 2, (n + min(n, VALIDATED)) // 2) for n in whole)
    amplitude = noise_amplitude(covariance, *(part.stop - part.start for part in middle))
    losses, weights = [], []
    model.eval()
    for i in range(0, min(len(rows), EPOCH_GALAXIES // 4), BATCH):
        some = rows[i : i + BATCH]
        image = torch.from_numpy(sample["image"][some][:, *middle])
        level = torch.from_numpy(sample["level"][some][:, *middle].astype(np.float32))
        good = torch.from_numpy(_good(sample["mask"][some][:, *middle]))
        place = centre_distance(*whole)[middle].expand_as(image)
        noise = draw_noise(amplitude, image.shape, generator) * level
        tau = _draw_tau(len(some), generator)
        losses.append(recorrupted_loss(model, image, place, good, noise, tau).item())
        weights.append(len(some))
    return float(np.average(losses, weights=weights))


@torch.no_grad()
def denoise(model: Denoiser, images: np.ndarray, rms: np.ndarray) -> np.ndarray:
    """Denoise cutouts, each in an orientation of its own.

    The cutout is turned and mirrored so that its light is the same way round (`_own_turns`), and
    the answer, the mean over `VIEWS`, is turned back. So a turned or mirrored cutout gives the
    turned or mirrored answer.

    Parameters
    ----------
    model : Denoiser
    images, rms : ndarray
        Shape (N, H, W), finite, rms above zero.

    Returns
    -------
    ndarray
        Shape (N, H, W), float32, in the unit of `images`, within `REACH` times the rms of
        them. The result for a cutout does not depend on the others, bit for bit.
    """
    model.eval()
    result = np.empty(images.shape, np.float32)
    for i in range(0, len(images), BATCH):
        scale = noise_scale(rms[i : i + BATCH])[:, None, None]
        some = torch.from_numpy(images[i : i + BATCH] / scale)
        turns = _own_turns(some.numpy())
        image = torch.zeros((BATCH, 1, *images.shape[1:]))
        for place, one, turn in zip(image, some, turns, strict=False):
            place[0] = _turn(one, *turn)
        answer = _mean_view(model, image)
        for k, (one, turn) in enumerate(zip(answer, turns, strict=False)):
            result[i + k] = _turn_back(one, *turn).numpy()
        result[i : i + BATCH] *= scale
    reach = REACH * rms
    return np.clip(result, images - reach, images + reach, out=result)


def _mean_view(model: Denoiser, image: torch.Tensor) -> torch.Tensor:
    """Mean answer (N, H, W) to `VIEWS` of images (N, 1, H, W)."""
    height, width = image.shape[2:]
    rest = [(-size % STRIDE) for size in (width, height)]
    margin = [side for more in rest for side in (more // 2, more - more // 2)]
    place = centre_distance(height, width)[None, None]
    seen = model.look(*(functional.pad(x, margin, mode="replicate") for x in (image, place)))
    views = [_turn_back(model.decide(*(_turn(x, *turn) for x in seen)), *turn) for turn in VIEWS]
    mean = torch.stack(views).mean(0)
    return functional.pad(mean, [-side for side in margin])[:, 0]


def _own_turns(images: np.ndarray) -> list[tuple[int, bool]]:
    """Quarter turns and mirroring of each image (N, H, W) after which its light lies one way.

    That is more to the right than to the left, more up than down, and more right than up, if sides
    are equal: its first moments, in a window about the middle, tell.
    """
    height, width = images.shape[1:]
    window = np.exp(-0.5 * (centre_distance(height, width).numpy() / WINDOW) ** 2)
    y, x = np.indices((height, width))
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    found = []
    for image in images:
        light = image * window
        found.append(_turn_of(float((light * x).sum()), float((light * y).sum()), height == width))
    return found


def _turn_of(x: float, y: float, square: bool) -> tuple[int, bool]:
    """Turn after which (x, y) has x >= y >= 0, or, if not square, a half turn and x, y >= 0."""
    for quarters, mirrored in itertools.product(range(0, 4, 1 if square else 2), (False, True)):
        across, along = ((x, y), (y, -x), (-x, -y), (-y, x))[quarters]
        across = -across if mirrored else across
        if min(across, along) >= 0 and (across >= along or not square):
            return quarters, mirrored
    return 0, False


def train_file(
    cutouts: Sequence[str | Path],
    weights: str | Path,
    history: str | Path,
    latent: int,
    epochs: int,
    seed: int,
) -> None:
    """Train on a random sample of cutout shards; write the weights and the loss curve."""
    sample = read_sample(cutouts, seed)
    covariance = noise_correlation(sample["image"], sample["level"], sample["mask"])
    middle = len(covariance) // 2
    log.info(
        "%d cutouts; sky noise is %.3f of the rms map, neighbouring pixels correlate by %.2f",
        len(sample["image"]),
        covariance[middle, middle] ** 0.5,
        covariance[middle, middle + 1] / covariance[middle, middle],
    )
    model, curve = train(sample, covariance, latent, epochs, seed)
    save_denoiser(weights, model, covariance)
    write_curve(history, curve)
