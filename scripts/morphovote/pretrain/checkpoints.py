"""Checkpoints, from which an interrupted training resumes."""

import csv
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from morphovote.logs import log
from morphovote.storage.files import write_curve, write_tensors


def save(folder: Path, learner, average, optimiser, settings, done: int, curve) -> None:
    tensors = {f"learner.{k}": v for k, v in learner.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{k}": v for k, v in state.items()}
    write_curve(folder / "curve.csv", curve)
    about = {"recipe": _recipe(settings), "step": str(done)}
    write_tensors(folder / "checkpoint.safetensors", tensors, about)


def resume(folder: Path, learner, average, optimiser, settings) -> tuple[int, list[dict]]:
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
