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
        "start": str, "real_sky": list, "sky_galaxies": int,
    }  # fmt: skip
    config = {"start": None, "real_sky": None, "sky_galaxies": 48} | config
    given = config["real_sky"]
    config["real_sky"] = [given] if isinstance(given, str) else given or []
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
        if key == "start" and value is None:
            continue
        least = {"seed": 0, "workers": 0, "validation": LEAST_VALIDATION}.get(key, 1)
        if type(value) is not kind or (kind is int and value < least):
            more = {int: f" of at least {least}", float: ", such as 0.0015"}.get(kind, "")
            raise InputError(
                f"training recipe: '{key}' is {value!r}, expected {kind.__name__}{more}. "
                "Correct the file given with --configfile."
            )
    if not all(isinstance(folder, str) for folder in config["real_sky"]):
        raise InputError(
            f"training recipe: 'real_sky' is {config['real_sky']!r}, expected the path of a folder "
            "of cutouts or pictures, or a list of such paths. Correct the file given with "
            "--configfile."
        )
    if config["name"] not in timm.list_models(module="convnext"):
        raise InputError(
            f"training recipe: 'name' is '{config['name']}', expected a ConvNeXt of timm without "
            "a tag. Choose one, such as convnext_atto, convnext_nano or convnext_tiny."
        )
    return dict(config)


def describe_training(settings: dict, curve: list[dict]) -> dict:
    """Card of an encoder that was trained with these settings and this curve."""
    seen, sky = int(curve[-1]["galaxies"]), settings.get("sky", {})
    names = ", ".join(f"{count} of {name}" for name, count in sky.items())
    return {
        "name": settings["name"],
        "weights": "file",
        "source": f"the project's own training on {seen} simulated galaxies, two views each, "
        "supervised by the simulation's truth"
        + (f", and on real galaxies without labels ({names})" if names else "")
        + (f"; halfway from the weights {settings['start']}" if settings.get("start") else "")
        + f"; seed {settings['seed']}",
        "licence": "BSD-3-Clause",
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "upsample": 1,
        "planes": "structure",
        "seed": settings["seed"],
    }
