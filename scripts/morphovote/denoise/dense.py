"""The published denoiser: a dense autoencoder that learns to reproduce its input cutouts.

As in Fang et al. 2025 (A&A 693, A141) and their code: twice a 5 x 5 convolution to 16 channels,
ReLU and maximum of 2 x 2; then flattening and one dense layer to the code. The decoder mirrors
this. The loss is the mean squared error; Adam starts at 3e-4 and decays by 0.8 every 2,000 steps,
with 8 cutouts per step. It reduces noise only by blurring. See `checks.published_faults`.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.nn.functional import mse_loss

from morphovote.compute.devices import pick_device
from morphovote.compute.memory import require_memory
from morphovote.denoise.recorrupted import read_sample
from morphovote.denoise.scaling import SCALINGS
from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.storage import shards
from morphovote.storage.files import write_curve, write_tensors

CHANNELS, KERNEL = 16, 5
LEARNING_RATE, DECAY, DECAY_STEPS = 3e-4, 0.8, 2_000
# Cutouts per training step, and galaxies per call of the trained network.
STEP, BATCH = 8, 16
# Maximum number of cutouts in the sample, of which a tenth is held out for the loss curve.
SAMPLE = 10_000
HELD_BACK = 0.1
FORMAT = "morphovote published denoiser 1"


class DenseAutoencoder(nn.Module):
    """The published autoencoder.

    Parameters
    ----------
    size : int
        Side of a cutout (px), a multiple of 4.
    latent : int
        Length of the code.
    """

    def __init__(self, size: int, latent: int):
        super().__init__()
        self.size, self.latent = size, latent
        quarter, half = size // 4, KERNEL // 2
        self.encoder = nn.Sequential(
            nn.Conv2d(1, CHANNELS, KERNEL, padding=half),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(CHANNELS, CHANNELS, KERNEL, padding=half),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(CHANNELS * quarter**2, latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, CHANNELS * quarter**2),
            nn.Unflatten(1, (CHANNELS, quarter, quarter)),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(CHANNELS, CHANNELS, KERNEL, padding=half),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(CHANNELS, 1, KERNEL, padding=half),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Reproduce images (N, 1, size, size) with values from 0 to 1."""
        return self.decoder(self.encoder(image))


def training_gigabytes(size: int, latent: int) -> float:
    """Memory (GB) that training needs: weights, gradients, Adam's two moments, and a copy."""
    numbers = 2 * latent * CHANNELS * (size // 4) ** 2
    return (5 * 4 * numbers + 0.6e9) / 1e9


def check_memory(size: int, latent: int) -> None:
    """Stop before training a network that does not fit in memory.

    Raises
    ------
    InputError
        If there is too little; the message gives the gigabytes needed and free.
    """
    needed = training_gigabytes(size, latent)
    device = pick_device()
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0] / 1e9
        if needed < free:
            return
    require_memory(
        needed,
        f"config: the published denoiser with denoiser.latent {latent} at cutout.size {size}",
        "Set denoiser.latent: 40, or run on a machine with more memory.",
    )


def train(
    images: np.ndarray, latent: int, epochs: int, seed: int
) -> tuple[DenseAutoencoder, list[dict]]:
    """Train the autoencoder to reproduce images.

    Parameters
    ----------
    images : ndarray, shape (N, S, S)
        float32 from 0 to 1.
    latent, epochs, seed : int
        All epochs are run; training does not stop early.

    Returns
    -------
    model : DenseAutoencoder
        On the CPU.
    curve : list of dict
        `epoch`, `train_loss`, `validation_loss` (on a held-out tenth), `seconds`.
    """
    device = pick_device()
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # This layout halves the training time.
        model = DenseAutoencoder(images.shape[1], latent).to(memory_format=torch.channels_last)
        model = model.to(device)
    order = torch.randperm(len(images), generator=generator).numpy()
    held = max(1, round(HELD_BACK * len(images)))
    validation, training = order[:held], order[held:]
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, DECAY_STEPS, DECAY)
    curve, start = [], time.monotonic()
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False):
        for epoch in progress(range(1, epochs + 1), epochs, "epochs of training"):
            shuffled = training[torch.randperm(len(training), generator=generator).numpy()]
            losses = []
            for i in range(0, len(shuffled), STEP):
                batch = torch.from_numpy(images[shuffled[i : i + STEP]])[:, None].to(device)
                optimiser.zero_grad(set_to_none=True)
                loss = mse_loss(model(batch), batch)
                loss.backward()
                optimiser.step()
                schedule.step()
                losses.append(loss.item())
            curve.append(
                {
                    "epoch": epoch,
                    "train_loss": float(np.mean(losses)),
                    "validation_loss": _validate(model, images[validation], device),
                    "seconds": time.monotonic() - start,
                }
            )
            log.info("epoch %d: loss %.6f", epoch, curve[-1]["train_loss"])
    return model.cpu().eval(), curve


@torch.no_grad()
def _validate(model: DenseAutoencoder, images: np.ndarray, device: torch.device) -> float:
    losses = []
    for i in range(0, len(images), BATCH):
        batch = torch.from_numpy(images[i : i + BATCH])[:, None].to(device)
        losses += mse_loss(model(batch), batch, reduction="none").mean((1, 2, 3)).tolist()
    return float(np.mean(losses))


@torch.no_grad()
def denoise(
    model: DenseAutoencoder, images: np.ndarray, scaling: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pass cutouts through the autoencoder.

    Parameters
    ----------
    model : DenseAutoencoder
    images : ndarray, shape (N, S, S)
        In any unit.
    scaling : {'flux', 'published'}
        'published' rounds them to 8 bits first.

    Returns
    -------
    clean : ndarray, shape (N, S, S), float32
        In the unit of `images`.
    low, high : ndarray, shape (N,), float32
        Minimum and maximum of each cutout, which the network sees as 0 and 1.

    Raises
    ------
    InputError
        If the model was trained for cutouts of another size.
    """
    if images.shape[1] != model.size:
        raise InputError(
            f"array 'image' has a side of {images.shape[1]} px, but the denoiser was trained for "
            f"{model.size} px.\nTrain it on cutouts of this size."
        )
    device = pick_device()
    model = model.eval().to(device)
    shares, low, high = SCALINGS[scaling](images)
    result = np.empty(images.shape, np.float32)
    for i in range(0, len(images), BATCH):
        here = shares[i : i + BATCH]
        batch = torch.zeros((BATCH, 1, *images.shape[1:]))
        batch[: len(here), 0] = torch.from_numpy(here)
        result[i : i + BATCH] = model(batch.to(device))[: len(here), 0].cpu().numpy()
    return low[:, None, None] + (high - low)[:, None, None] * result, low, high


def train_file(
    cutouts: Sequence[str | Path],
    weights: str | Path,
    history: str | Path,
    latent: int,
    epochs: int,
    seed: int,
    scaling: str,
) -> None:
    """Train on a random sample (10,000 at most) of cutout shards; write weights and loss curve.

    Raises
    ------
    InputError
        If the cutouts' side is not a multiple of 4, or the memory is too small.
    """
    with shards.open_shard(cutouts[0]) as file:
        size = int(file["image"].shape[1])
    if size % 4:
        raise InputError(
            f"{cutouts[0]}: array 'image' has a side of {size} px, and the published denoiser "
            "halves it twice.\nSet cutout.size to a multiple of 4."
        )
    check_memory(size, latent)
    images = read_sample(cutouts, seed, SAMPLE)["image"]
    log.info("%d cutouts, a code of %d numbers", len(images), latent)
    model, curve = train(SCALINGS[scaling](images)[0], latent, epochs, seed)
    save_model(weights, model)
    write_curve(history, curve)


def save_model(path: str | Path, model: DenseAutoencoder) -> None:
    """Write the autoencoder as safetensors, whole or not at all."""
    header = {"format": FORMAT, "latent": str(model.latent), "size": str(model.size)}
    write_tensors(path, model.state_dict(), header)


def load_model(path: str | Path) -> DenseAutoencoder:
    """Read an autoencoder.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not a published denoiser.
    """
    advice = "Train it again, or set denoiser.scheme to that of the model."
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise InputError(
                    f"{path}: header field 'format' is {header.get('format')!r}, expected "
                    f"{FORMAT!r}. {advice}"
                )
            model = DenseAutoencoder(int(header["size"]), int(header["latent"]))
            model.load_state_dict({name: file.get_tensor(name) for name in model.state_dict()})
            model = model.to(memory_format=torch.channels_last)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a readable denoiser ({error}). {advice}") from error
    return model.eval()
