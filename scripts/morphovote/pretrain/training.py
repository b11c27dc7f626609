"""Training the encoder on simulated galaxies, and beside them on real ones without labels.

Targets and losses are in `losses`. The heads that predict the targets are discarded after training.
"""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from morphovote.compute.devices import choose_dtype, pick_device
from morphovote.logs import log, progress
from morphovote.pretrain.checkpoints import resume, save
from morphovote.pretrain.learner import Learner, bare_encoder, halfway, start_from
from morphovote.pretrain.losses import WEIGHTS, losses, prepare, prepare_sky, target_scales
from morphovote.pretrain.scores import score
from morphovote.pretrain.sky import VIEWS
from morphovote.pretrain.views import draw_views

AVERAGING = 0.998
WEIGHT_DECAY = 0.05
# Number of steps in which the learning rate rises, and fraction of all steps in which it falls.
WARM_UP, DECAY = 60, 0.4
# Number of galaxies kept to be shown again.
KEPT = 32_768
# Share of the real galaxies that are shown as they are beside a view from further away; of the
# others two views from further away are shown.
AS_IS = 0.6
# Maximum number of seeds that one simulated batch uses.
SEED_STRIDE = 64


class Stream(Dataset):
    """An endless stream of simulated batches; item i is always the same batch."""

    def __init__(self, seed: int, galaxies: int):
        self.seed, self.galaxies = seed, galaxies

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        # The seeds of validation sets start at 0.
        seed = (self.seed + 1) * 10_000_000_000 + i * SEED_STRIDE
        return prepare(draw_views(seed, self.galaxies))


def vary(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Randomly shift in angle, mirror and stretch polar images (N, 64, 96) in [0, 1]."""
    count, _, width = images.shape

    def draw() -> torch.Tensor:
        return torch.rand(count, generator=generator)

    # Half keep the frame that the unwrapping finds, because real input comes in that frame.
    shift = (draw() * width).long() * (draw() < 0.5)
    hand = torch.where(draw() < 0.5, 1, -1)
    index = (hand[:, None] * torch.arange(width) + shift[:, None]) % width
    index = index[:, None].expand(-1, images.shape[1], -1).to(images.device)
    power = torch.exp(0.35 * (2 * draw() - 1) * (draw() < 0.5))
    return images.gather(2, index) ** power[:, None, None].to(images.device)


def train_encoder(
    settings: dict,
    validation: dict[str, np.ndarray],
    folder: str | Path,
    sky: Sequence[dict[str, np.ndarray]] = (),
    start: nn.Module | None = None,
) -> tuple[nn.Module, list[dict]]:
    """Train an encoder, resuming from a checkpoint of the same recipe in `folder`, if any.

    Parameters
    ----------
    settings : dict
        `name` (timm), `seed`, `steps`, `galaxies` (new ones per step), `reuse` (how often each is
        shown, at least 1), `learning_rate`, `workers` (processes that simulate), `check_every`
        (steps between checkpoints), `sky_galaxies` (real ones per step).
    validation : dict of ndarray
        From `views.draw_views` with `held_out`.
    folder : str or Path
        Folder for checkpoints.
    sky : sequence of dict of ndarray
        For each survey, views of M real galaxies from `sky.draw_sky_views`: `image`
        (M, 4, 64, 96), `code` (M, 4, 56). Surveys take turns, one per step, so that a galaxy is
        told from others of its own survey.
    start : nn.Module, optional
        An encoder, as timm makes it, whose weights the training starts from.

    Returns
    -------
    model : nn.Module
        The ConvNeXt as timm makes it, with averaged weights, float32, on the CPU. With `start`,
        halfway between the two (`learner.halfway`).
    curve : list of dict
        One row per checkpoint: step, galaxies, loss and its parts, scores on the validation set.
    """
    device = pick_device()
    dtype = choose_dtype("auto", device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings["seed"])
        learner = Learner(settings["name"])
    if start is not None:
        start_from(learner, start)
    learner = learner.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(learner).eval().requires_grad_(False)
    checks = prepare(validation)
    scales = {name: value.to(device) for name, value in target_scales(checks).items()}
    optimiser = torch.optim.AdamW(_groups(learner), lr=settings["learning_rate"])
    folder = Path(folder)
    first, curve = resume(folder, learner, average, optimiser, settings)
    kept: dict[str, torch.Tensor] = {}
    if first >= settings["steps"]:
        log.warning(
            "the checkpoint in %s already has %d steps, and %d were requested: the encoder is that "
            "of the checkpoint. For a shorter training, use another output folder.",
            folder,
            first,
            settings["steps"],
        )
    running, summed, began = {}, 0, time.monotonic()
    steps = range(first, settings["steps"])
    stream = progress(_stream(settings, steps), len(steps), "steps of training", 30.0)
    for step, fresh in zip(steps, stream, strict=True):
        generator = torch.Generator().manual_seed(settings["seed"] * 1_000_003 + step)
        torch.manual_seed(settings["seed"] * 1_000_003 + step)  # drop path
        batch = _mix(kept, fresh, step - first, settings, generator)
        if sky:
            survey = sky[step % len(sky)]
            batch = _join(batch, _draw_sky(survey, settings["sky_galaxies"], generator))
        for group in optimiser.param_groups:
            group["lr"] = _rate(step, settings)
        parts = _train_step(learner, optimiser, batch, scales, dtype, generator)
        _follow(average, learner, min(AVERAGING, (step + 1) / (step + 10)))
        for name, value in parts.items():
            running[name] = running.get(name, 0.0) + value
        done, summed = step + 1, summed + 1
        if done % settings["check_every"] == 0 or done == settings["steps"]:
            row = {"step": done, "galaxies": done * settings["galaxies"]}
            row["seconds"] = round(time.monotonic() - began, 1)
            row |= {name: round(total / summed, 4) for name, total in running.items()}
            row |= score(average, checks, scales, dtype)
            curve.append(row)
            running, summed = {}, 0
            log.info("step %d: %s", done, ", ".join(f"{k} {v:.3g}" for k, v in row.items()))
            save(folder, learner, average, optimiser, settings, done, curve)
    model = bare_encoder(average, settings["name"])
    return model if start is None else halfway(start, model), curve


def _train_step(
    learner: Learner,
    optimiser: torch.optim.Optimizer,
    batch: dict[str, torch.Tensor],
    scales: dict,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> dict[str, float]:
    """Take one training step on a batch; return the loss and its parts."""
    device = next(learner.parameters()).device
    batch = {name: value.to(device) for name, value in batch.items()}
    images = batch.pop("image").transpose(0, 1).flatten(0, 1).float() / 255
    with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
        features = learner.features(vary(images, generator))
    parts = losses(learner.train(), batch, scales, features.float())
    loss = sum(WEIGHTS[name] * value for name, value in parts.items())
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(learner.parameters(), 5.0)
    optimiser.step()
    return {name: float(value.detach()) for name, value in {"loss": loss, **parts}.items()}


def _stream(settings: dict, steps: range) -> Iterator[dict[str, torch.Tensor]]:
    workers = settings["workers"]
    more = {"prefetch_factor": 8, "worker_init_fn": _be_quiet} if workers else {}
    return iter(
        DataLoader(
            Stream(settings["seed"], settings["galaxies"]),
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            **more,
        )
    )


def _be_quiet(worker: int) -> None:
    # Progress messages of the workflow's steps on each small batch would flood the log.
    log.setLevel("WARNING")


def _mix(kept, fresh, since: int, settings: dict, generator) -> dict[str, torch.Tensor]:
    """Add new galaxies to the kept ones, and some kept ones to the batch."""
    count = len(fresh["kind"])
    room = KEPT // count
    if not kept:
        kept |= {name: torch.empty(room * count, *v.shape[1:], dtype=v.dtype)
                 for name, v in fresh.items()}  # fmt: skip
    slot = since % room * count
    for name, value in fresh.items():
        kept[name][slot : slot + count] = value
    filled = min(since + 1, room) * count
    again = torch.randint(filled, ((settings["reuse"] - 1) * count,), generator=generator)
    return {name: torch.cat([value, kept[name][again]]) for name, value in fresh.items()}


def _draw_sky(sky: dict[str, np.ndarray], count: int, generator) -> dict[str, torch.Tensor]:
    """Pairs of views of some real galaxies, as a batch without targets that need a truth."""
    rows = torch.randperm(len(sky["image"]), generator=generator)[:count].numpy()
    first = np.where(torch.rand(len(rows), generator=generator).numpy() < AS_IS, 0, VIEWS - 2)
    pair = np.stack([first, first + 1], 1)
    return prepare_sky({name: sky[name][rows[:, None], pair] for name in ("image", "code")})


def _join(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: torch.cat([value, other[name]]) for name, value in one.items()}


def _groups(learner: nn.Module) -> list[dict]:
    """Parameter groups, with weight decay for matrices and kernels only."""
    flat = [p for p in learner.parameters() if p.ndim < 2]
    rest = [p for p in learner.parameters() if p.ndim >= 2]
    return [{"params": rest, "weight_decay": WEIGHT_DECAY}, {"params": flat, "weight_decay": 0.0}]


def _rate(step: int, settings: dict) -> float:
    """Learning rate: a warm-up, a plateau, and a cosine to zero at the end.

    Before the cosine, the rate does not depend on the number of steps, so a run can be made longer
    or shorter from any checkpoint.
    """
    left = (settings["steps"] - step) / (DECAY * settings["steps"])
    fall = 0.5 * (1 - math.cos(math.pi * min(1.0, left)))
    return settings["learning_rate"] * min(1.0, (step + 1) / WARM_UP) * fall


@torch.no_grad()
def _follow(average: nn.Module, learner: nn.Module, keep: float) -> None:
    for mean, value in zip(average.parameters(), learner.parameters(), strict=True):
        mean.lerp_(value, 1 - keep)


def simulate_validation(galaxies: int) -> dict[str, np.ndarray]:
    """Simulate the validation set: `views.draw_views` of held-out surveys, with `row` and `id`."""
    size = 64
    starts = range(0, galaxies, size)
    parts = [
        draw_views(start // size * SEED_STRIDE, min(size, galaxies - start), held_out=True)
        for start in progress(starts, len(starts), f"batches of {size} galaxies")
    ]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    row = np.arange(galaxies)
    return {"row": row, "id": row.astype(str), **arrays}
