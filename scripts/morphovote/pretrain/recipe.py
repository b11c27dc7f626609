"""The recipe of a training (config/pretrain.yaml), and the card of what came of it."""

import timm

from morphovote.errors import InputError

# Minimum number of galaxies to measure the targets' means and standard deviations.
LEAST_VALIDATION = 64


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
