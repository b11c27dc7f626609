"""Training the encoder on simulated galaxies: loop, checkpoints, scores.

Targets and losses are in `losses`. The heads that predict the targets are discarded after training.
"""

import copy
import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import normalize
from torch.utils.data import DataLoader, Dataset

from morphovote.compute.devices import choose_dtype, pick_device
from morphovote.encode.encoding import structure_planes, wrap_angle
from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.pretrain.losses import ARMS, VALUES, WEIGHTS, losses, prepare, target_scales
from morphovote.pretrain.views import HARMONICS, RINGS, draw_views
from morphovote.simulate.layered.kinds import KINDS
from morphovote.storage.files import write_curve, write_tensors

AVERAGING = 0.998
WEIGHT_DECAY, DROP_PATH = 0.05, 0.05
# Number of steps in which the learning rate rises, and fraction of all steps in which it falls.
WARM_UP, DECAY = 60, 0.4
# Number of galaxies kept to be shown again.
KEPT = 32_768
# Minimum number of galaxies to measure the targets' means and standard deviations.
LEAST_VALIDATION = 64
# Maximum number of seeds that one simulated batch uses.
SEED_STRIDE = 64


class Learner(nn.Module):
    """A ConvNeXt that wraps in angle, and the heads that predict the targets."""

    def __init__(self, name: str):
        super().__init__()
        # With timm's initial scale of 1e-6, the blocks would need longer than this training.
        self.backbone = timm.create_model(
            name, num_classes=0, drop_path_rate=DROP_PATH, ls_init_value=0.1
        )
        wrap_angle(self.backbone)
        width = self.backbone.num_features
        self.kind = nn.Linear(width, len(KINDS))
        self.arms = nn.Linear(width, ARMS)
        self.values = nn.Linear(width, len(VALUES))
        self.code = nn.Linear(width, HARMONICS * RINGS)
        self.project = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 128))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features (N, D) of grey images (N, 64, 96) in [0, 1]."""
        planes = (structure_planes(images[:, None]) - 0.5) / 0.5
        return self.backbone(planes.contiguous(memory_format=torch.channels_last))


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
    settings: dict, validation: dict[str, np.ndarray], folder: str | Path
) -> tuple[nn.Module, list[dict]]:
    """Train an encoder, resuming from a checkpoint of the same recipe in `folder`, if any.

    Parameters
    ----------
    settings : dict
        `name` (timm), `seed`, `steps`, `galaxies` (new ones per step), `reuse` (how often each is
        shown, at least 1), `learning_rate`, `workers` (processes that simulate), `check_every`
        (steps between checkpoints).
    validation : dict of ndarray
        From `views.draw_views` with `held_out`.
    folder : str or Path
        Folder for checkpoints.

    Returns
    -------
    model : nn.Module
        The ConvNeXt as timm makes it, with averaged weights, float32, on the CPU.
    curve : list of dict
        One row per checkpoint: step, galaxies, loss and its parts, scores on the validation set.
    """
    device = pick_device()
    dtype = choose_dtype("auto", device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings["seed"])
        learner = Learner(settings["name"])
    learner = learner.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(learner).eval().requires_grad_(False)
    checks = prepare(validation)
    scales = {name: value.to(device) for name, value in target_scales(checks).items()}
    optimiser = torch.optim.AdamW(_groups(learner), lr=settings["learning_rate"])
    folder = Path(folder)
    start, curve = _resume(folder, learner, average, optimiser, settings)
    kept: dict[str, torch.Tensor] = {}
    if start >= settings["steps"]:
        log.warning(
            "the checkpoint in %s already has %d steps, and %d were requested: the encoder is that "
            "of the checkpoint. For a shorter training, use another output folder.",
            folder,
            start,
            settings["steps"],
        )
    running, summed, began = {}, 0, time.monotonic()
    steps = range(start, settings["steps"])
    stream = progress(_stream(settings, steps), len(steps), "steps of training", 30.0)
    for step, fresh in zip(steps, stream, strict=True):
        generator = torch.Generator().manual_seed(settings["seed"] * 1_000_003 + step)
        torch.manual_seed(settings["seed"] * 1_000_003 + step)  # drop path
        batch = _mix(kept, fresh, step - start, settings, generator)
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
            _save(folder, learner, average, optimiser, settings, done, curve)
    return bare_encoder(average, settings["name"]), curve


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


@torch.no_grad()
def score(learner: Learner, batch, scales, dtype: torch.dtype) -> dict[str, float]:
    """Scores on held-out galaxies: accuracy of the predictions, and richness of the features."""
    learner.eval()
    device = next(learner.parameters()).device
    images = batch["image"].transpose(0, 1).flatten(0, 1)
    parts = []
    for some in images.split(256):
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            parts.append(learner.features(some.to(device).float() / 255).float())
    features = torch.cat(parts)
    kind = batch["kind"].repeat(2).to(device)
    right = (learner.kind(features).argmax(1) == kind).float()
    result = {"kind_accuracy": _mean([right[kind == k].mean() for k in kind.unique()])}
    arms = batch["arms"].repeat(2).to(device)
    right = (learner.arms(features).argmax(1) == arms).float()
    result["arms_accuracy"] = _mean([right[arms == k].mean() for k in range(ARMS)])
    given = learner.values(features)
    wanted = batch["values"].repeat(2, 1).to(device)
    for k, name in enumerate(VALUES):
        told = torch.isfinite(wanted[:, k])
        pair = torch.stack([given[told, k], wanted[told, k]])
        result[f"r_{name}"] = round(float(torch.corrcoef(pair)[0, 1]), 4)
    middle, spread = scales["code"]
    wanted = ((batch["code"].to(device) - middle) / spread).transpose(0, 1).flatten(0, 1)
    missed = (learner.code(features) - wanted).square().mean(0) / wanted.var(0)
    result["r2_code"] = _mean(list((1 - missed).clamp(min=-1)))
    direction = normalize(features - features.mean(0), dim=1)
    first, second = direction.chunk(2)
    nearest = (first @ second.T).argmax(1)
    result["pairs_found"] = _mean(
        [(nearest == torch.arange(len(first), device=device)).float().mean()]
    )
    power = torch.linalg.svdvals(features - features.mean(0)).square()
    share = (power / power.sum()).cumsum(0)
    result["components_95"] = int((share < 0.95).sum()) + 1
    return result


def _mean(values: list) -> float:
    values = torch.stack([torch.as_tensor(v).float().cpu() for v in values])
    return round(float(values[torch.isfinite(values)].mean()), 4)


def bare_encoder(learner: Learner, name: str) -> nn.Module:
    """The ConvNeXt alone, as timm makes it, without heads and circular padding."""
    model = timm.create_model(name, num_classes=0)
    state = {
        key.replace(".conv_dw.conv.", ".conv_dw."): value.detach().float().cpu()
        for key, value in learner.backbone.state_dict().items()
    }
    model.load_state_dict(state)
    return model.eval()


def _save(folder: Path, learner, average, optimiser, settings, done: int, curve) -> None:
    tensors = {f"learner.{k}": v for k, v in learner.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{k}": v for k, v in state.items()}
    write_curve(folder / "curve.csv", curve)
    about = {"recipe": _recipe(settings), "step": str(done)}
    write_tensors(folder / "checkpoint.safetensors", tensors, about)


def _resume(folder: Path, learner, average, optimiser, settings) -> tuple[int, list[dict]]:
    """Load a checkpoint of the same recipe; return its step and curve, or (0, []) if none.

    It does not include the galaxies kept to be shown again, so a resumed run is not bit for bit
    equal to an uninterrupted one.
    """
    path = folder / "checkpoint.safetensors"
    if not path.is_file():
        return 0, []
    with safe_open(path, "pt") as file:
        about = file.metadata()
    if about["recipe"] != _recipe(settings):
        log.info("%s is from another recipe: training starts from the beginning", path)
        return 0, []
    tensors = load_file(path)

    def part(prefix: str) -> dict:
        return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

    learner.load_state_dict(part("learner."))
    average.load_state_dict(part("average."))
    state: dict = {}
    for key, value in part("optimiser.").items():
        i, name = key.split(".")
        state.setdefault(int(i), {})[name] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    with open(folder / "curve.csv", newline="", encoding="utf-8") as file:
        curve = list(csv.DictReader(file))
    log.info("continuing from step %s", about["step"])
    return int(about["step"]), curve


def _recipe(settings: dict) -> str:
    return " ".join(f"{k}={settings[k]}" for k in sorted(settings) if k not in ("steps", "workers"))


def complete_settings(config: dict) -> dict:
    """Check a training recipe (see config/pretrain.yaml).

    Raises
    ------
    InputError
        If a key is missing, unknown, or of the wrong type.
    """
    wanted = {
        "output": str, "name": str, "seed": int, "steps": int, "galaxies": int, "reuse": int,
        "learning_rate": float, "workers": int, "check_every": int, "validation": int,
    }  # fmt: skip
    for key in (*wanted, *config):
        if key not in wanted or key not in config:
            found = "has no" if key in wanted else "has an unknown"
            unknown = [name for name in config if name not in wanted]
            raise InputError(
                f"training recipe: {found} key '{key}'"
                + (f" (but '{unknown[0]}')" if key in wanted and unknown else "")
                + f". Expected keys: {', '.join(wanted)}. Start from config/pretrain.yaml."
            )
        value, kind = config[key], wanted[key]
        least = {"seed": 0, "workers": 0, "validation": LEAST_VALIDATION}.get(key, 1)
        if type(value) is not kind or (kind is int and value < least):
            raise InputError(
                f"training recipe: '{key}' is {value!r}, expected {kind.__name__}"
                + (f" of at least {least}. " if kind is int else ", such as 0.0015. ")
                + "Correct the file given with --configfile."
            )
    if config["name"] not in timm.list_models(module="convnext"):
        raise InputError(
            f"training recipe: 'name' is '{config['name']}', expected a ConvNeXt of timm without "
            "a tag. Choose one, such as convnext_atto, convnext_nano or convnext_tiny."
        )
    return dict(config)


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


def describe_training(settings: dict, curve: list[dict]) -> dict:
    """Card of an encoder that was trained with these settings and this curve."""
    seen = int(curve[-1]["galaxies"])
    return {
        "name": settings["name"],
        "weights": "file",
        "source": f"the project's own training on {seen} simulated galaxies, two views each, "
        f"supervised by the simulation's truth; seed {settings['seed']}",
        "licence": "BSD-3-Clause",
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "upsample": 1,
        "planes": "structure",
        "seed": settings["seed"],
    }
