"""The published denoiser: a dense autoencoder that learns to repeat the cutouts it is given.

Fang et al. 2025 (A&A 693, A141) and their code: (convolution 5 x 5 to 16 channels, ReLU, maximum
of 2 x 2) twice, all of it in one vector, one dense layer to the code; the decoder mirrors it. Mean
squared error, Adam at 3e-4 times 0.8 every 2,000 steps, 8 cutouts a step. What it removes of the
noise it removes by blurring. See `extremes.FAULTS`.
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
from morphovote.denoise.scaling import scale_to_bytes, scale_to_range
from morphovote.errors import InputError
from morphovote.flags import NO_DATA
from morphovote.logs import log, progress
from morphovote.storage import shards
from morphovote.storage.files import write_curve, write_tensors

CHANNELS, KERNEL = 16, 5
LEARNING_RATE, DECAY, DECAY_STEPS = 3e-4, 0.8, 2_000
# Cutouts in one step of training, and galaxies in one call of the trained network.
STEP, BATCH = 8, 16
# Cutouts that it learns from, at most; a tenth more would be held back for the loss curve.
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
        Numbers in the code.
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
        """Repeat images (N, 1, size, size) with values from 0 to 1."""
        return self.decoder(self.encoder(image))


def training_gigabytes(size: int, latent: int) -> float:
    """Memory (GB) that training takes: weights, gradients, Adam's two moments, the best state."""
    numbers = 2 * latent * CHANNELS * (size // 4) ** 2
    return (5 * 4 * numbers + 0.6e9) / 1e9


def check_memory(size: int, latent: int) -> None:
    """Stop before training what does not fit in memory.

    Raises
    ------
    InputError
        With the number of gigabytes it would take.
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
        "Set denoiser.latent: 40, or run where there is more.",
    )


def train(
    images: np.ndarray, latent: int, epochs: int, seed: int
) -> tuple[DenseAutoencoder, list[dict]]:
    """Train the autoencoder to repeat images.

    Parameters
    ----------
    images : ndarray, shape (N, S, S)
        float32 from 0 to 1.
    latent, epochs, seed : int
        All epochs are run: nothing ends training early.

    Returns
    -------
    model : DenseAutoencoder
        On the CPU.
    curve : list of dict
        `epoch`, `train_loss`, `validation_loss` (on a tenth held back), `seconds`.
    """
    device = pick_device()
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # This layout takes half the time.
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


def scale(images: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Network input from 0 to 1, through 8 bits where `scaling` is 'published'; and the limits."""
    if scaling == "published":
        scaled, low, high = scale_to_bytes(images)
        return scaled.astype(np.float32) / 255, low, high
    return scale_to_range(images)


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
        Whether they go through 8 bits first.

    Returns
    -------
    clean : ndarray, shape (N, S, S), float32
        In the unit of `images`.
    low, high : ndarray, shape (N,), float32
        Extremes of each cutout, 0 and 1 for the network.
    """
    device = pick_device()
    model = model.eval().to(device)
    shares, low, high = scale(images, scaling)
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
        If the cutouts' side is no multiple of 4, or the memory does not suffice.
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
    model, curve = train(scale(images, scaling)[0], latent, epochs, seed)
    save_model(weights, model)
    write_curve(history, curve)


def denoise_shard(
    model: DenseAutoencoder, cutouts: str | Path, path: str | Path, scaling: str
) -> None:
    """Denoise a shard of cutouts into another, with `low` and `high`; see `denoise`.

    Galaxies without data become zeros.

    Raises
    ------
    InputError
        If the model was trained for cutouts of another size.
    """
    parts = []
    count = shards.count_rows(cutouts)
    batches = shards.iterate_batches(cutouts, ["image", "flags"], 4 * BATCH)
    for batch in progress(batches, -(-count // (4 * BATCH)), f"batches of {4 * BATCH} galaxies"):
        if batch["image"].shape[1] != model.size:
            raise InputError(
                f"{cutouts}: array 'image' has a side of {batch['image'].shape[1]} px, but the "
                f"denoiser was trained for {model.size} px.\nTrain it on cutouts of this size."
            )
        clean, low, high = denoise(model, batch["image"], scaling)
        clean[(batch["flags"] & NO_DATA) != 0] = 0.0
        parts.append({"image": clean, "low": low, "high": high})
    arrays = shards.read_shard(cutouts, ["row", "id"])
    if not parts:
        parts = [{"image": np.empty((0, model.size, model.size), np.float32)}]
        parts[0] |= {"low": np.empty(0, np.float32), "high": np.empty(0, np.float32)}
    arrays |= {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    attributes = shards.read_attributes(cutouts)
    attributes.pop("made_by", None)
    shards.write_shard(path, arrays, attributes)


def save_model(path: str | Path, model: DenseAutoencoder) -> None:
    """Write the autoencoder as safetensors, whole or not at all."""
    header = {"format": FORMAT, "latent": str(model.latent), "size": str(model.size)}
    write_tensors(path, model.state_dict(), header)


def load_model(path: str | Path) -> DenseAutoencoder:
    """Read an autoencoder.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds no published denoiser.
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
