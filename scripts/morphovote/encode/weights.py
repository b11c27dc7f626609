"""Encoders as safetensors files: bundled, drawn at random, from the hub, or from the user.

Each has a card, a JSON file that describes the encoder and how its input is prepared. The card is
also in the header of the safetensors file, so that the file can be shared by itself.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError, safe_open
from timm.models import is_model, load_model_config_from_hf, model_entrypoint
from timm.models.convnext import ConvNeXt, checkpoint_filter_fn
from torch import nn

from morphovote.compute.retry import try_again
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.storage.digests import hash_file
from morphovote.storage.files import read_json, write_json, write_tensors
from morphovote.storage.project import PROJECT

HUB = "hf-hub:"
# The project's own encoder: weights and card.
BUNDLED = PROJECT / "resources" / "encoder"
# Seconds before each further attempt at the hub (whose client itself retries for half a minute).
WAITS = (5, 20)
# Networks trained on images of 224 px or more expect structures of that scale. They get the 64 x 96
# polar image at twice the size, 128 x 192, which leaves 4 x 6 positions after the stride of 32,
# about as many as a 160 px image. It takes four times as long. A random network does not need this.
PRETRAINED_UPSAMPLE = 2
# Weight of a block's output relative to its input, in random networks.
LAYER_SCALE = 0.3


def fetch_encoder(
    name: str,
    weights: str,
    seed: int,
    output: str | Path,
    card: str | Path,
    waits: Sequence[float] = WAITS,
) -> dict:
    """Write an encoder's weights and card.

    Parameters
    ----------
    name : str
        A ConvNeXt of timm, such as 'convnext_atto' or 'convnext_tiny.fb_in22k', or, with weights
        'pretrained', 'hf-hub:owner/model'.
    weights : str
        'bundled' (the project's own), 'random', 'pretrained' (from the hub; cached) or the path
        of a safetensors file.
    seed : int
        Seed of random weights.
    output, card : str or Path
        The safetensors file and the JSON file to write.
    waits : sequence of float
        Seconds before each further attempt at the hub.

    Returns
    -------
    dict
        The card: `name`, `source`, `weights`, `licence`, `mean`, `std`, `features`, `sha256`,
        `interpolation` (of the network's training), `architecture`, `model_args`, `channels`,
        `upsample` (factor from polar image to input), `seed`; for a file, `file_sha256`.

    Raises
    ------
    InputError
        If the name is not a ConvNeXt, the hub cannot be reached, or the file does not fit.
    """
    if weights == "pretrained":
        model, about = _pretrained(name, waits)
    elif name.startswith(HUB):
        raise InputError(
            f"config encoder.name: found '{name}' with encoder.weights '{weights}', expected a "
            "timm name such as 'convnext_atto'. Only weights 'pretrained' come with a hub name."
        )
    elif weights == "random":
        model = _random(name, seed)
        about = {"source": f"drawn at random, seed {seed}", "licence": "none needed", "seed": seed}
        # No training set, hence no statistics of one: polar images are scaled to -1 .. 1.
        about |= {"mean": [0.5] * 3, "std": [0.5] * 3, "upsample": 1}
    elif weights == "bundled":
        model, about = _bundled(name)
    else:
        model, about = read_encoder(name, Path(weights))
    kind = weights if weights in ("bundled", "random", "pretrained") else "file"
    return write_encoder(model, output, card, {"name": name, "weights": kind, **about})


def write_encoder(model: ConvNeXt, output: str | Path, card: str | Path, about: dict) -> dict:
    """Write a network as a safetensors file, and its card.

    Parameters
    ----------
    model : ConvNeXt
    output, card : str or Path
    about : dict
        `name`, `source`, `weights`, and any of `licence`, `mean`, `std`, `interpolation`,
        `model_args`, `upsample`, `planes`, `seed` that differ from the model's own config.

    Returns
    -------
    dict
        The card.
    """
    config = model.pretrained_cfg
    channels = _channels(model.state_dict())
    content = {
        "licence": config.get("license") or "not stated",
        "mean": list(config["mean"]),
        "std": list(config["std"]),
        "interpolation": config.get("interpolation", "bicubic"),
        "upsample": PRETRAINED_UPSAMPLE,
        "planes": "grey",
        "model_args": {},
        "seed": None,
        **about,
        "architecture": config["architecture"],
        "features": model.num_features,
        "channels": channels,
    }
    for key in ("mean", "std"):
        # A network for grey images may still have the config of a colour one: use its mean.
        values = content[key]
        if len(values) != channels:
            content[key] = [sum(values) / len(values)] * channels
    about = {key: value for key, value in content.items() if key != "file_sha256"}
    header = {"morphovote": json.dumps(about, sort_keys=True)}
    write_tensors(output, model.state_dict(), header)
    content["sha256"] = hash_file(output)
    write_json(card, content, sort_keys=True)
    log.info("%s: %d features, %s", content["name"], content["features"], content["source"])
    return content


def load_encoder(weights: str | Path, card: str | Path) -> tuple[ConvNeXt, dict]:
    """Read an encoder written by `write_encoder`.

    Returns
    -------
    model : ConvNeXt
        In evaluation mode, float32, on the CPU; returns pooled features.
    card : dict

    Raises
    ------
    InputError
        If the two files do not match.
    """
    content = read_json(card)
    if hash_file(Path(weights)) != content["sha256"]:
        raise InputError(
            f"{weights}: its sha256 is not the one in {card}, expected the file that was fetched "
            "with it. Delete both and run the workflow again."
        )
    model = _build(content["architecture"], content["channels"], content["model_args"])
    _fill(model, _read(Path(weights)), f"{weights}", content["architecture"])
    return model.eval(), content


def _check_name(name: str) -> None:
    base = name.split(".")[0]
    if not is_model(base) or model_entrypoint(base).__module__ != "timm.models.convnext":
        known = ", ".join(n for n in timm.list_models(module="convnext") if "test" not in n)
        raise InputError(
            f"config encoder.name: found '{name}', expected a ConvNeXt of timm {timm.__version__}."
            f"\nChoose one of {known}, or '{HUB}owner/model' with weights 'pretrained'."
        )


def _build(name: str, channels: int = 3, model_args: dict | None = None) -> ConvNeXt:
    _check_name(name)
    try:
        return timm.create_model(
            name, pretrained=False, num_classes=0, in_chans=channels, **(model_args or {})
        )
    except RuntimeError as error:  # an unknown tag after the dot
        tags = ", ".join(timm.list_models(f"{name.split('.')[0]}.*", pretrained=True)) or "no tag"
        raise InputError(
            f"config encoder.name: found '{name}' ({error}), expected one of {tags}. "
            "Correct the config."
        ) from error


def _random(name: str, seed: int) -> ConvNeXt:
    """Draw a random network in which every block contributes.

    timm draws weights as a start for training, with the output of each block scaled by 1e-6;
    untrained, only a few linear layers would act. Here every layer keeps the variance of its input
    (LeCun normal), and a block adds 0.3 times its output.
    """
    _check_name(name)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        model = _build(name)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(
                module.weight, std=module.weight[0].numel() ** -0.5, generator=generator
            )
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for key, parameter in model.named_parameters():
        if key.endswith(".gamma"):
            nn.init.constant_(parameter, LAYER_SCALE)
    return model


def _pretrained(name: str, waits: Sequence[float]) -> tuple[ConvNeXt, dict]:
    filename, model_args, extra = "model.safetensors", {}, {}
    if name.startswith(HUB):
        repository = name.removeprefix(HUB)
        _try_hub(
            lambda: hf_hub_download(
                *_split(repository)[:1], "config.json", revision=_split(repository)[1]
            ),
            repository,
            waits,
        )
        try:
            config, architecture, model_args = load_model_config_from_hf(repository)
            _check_name(architecture)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"config encoder.name: config.json of '{repository}' at {constants.ENDPOINT} "
                f"does not describe a timm network ({type(error).__name__}).\nName another one, or "
                "empty the cache of huggingface_hub and run again."
            ) from error
        model_args = {
            k: v for k, v in (model_args or {}).items() if k not in ("in_chans", "num_classes")
        }
        extra = {key: config[key] for key in ("mean", "std", "interpolation") if config.get(key)}
        extra["licence"] = config.get("license") or "not stated: see the hub"
    else:
        _check_name(name)
        architecture = name
        config = _build(name).pretrained_cfg
        repository = config.get("hf_hub_id")
        if not repository:
            raise InputError(
                f"config encoder.weights: found 'pretrained' with encoder.name '{name}', for which "
                "timm knows no weights on the hub. Name another ConvNeXt, or a local file."
            )
        if "open_clip" in (config.get("hf_hub_filename") or ""):
            filename = "open_clip_model.safetensors"
    repo, revision = _split(repository)
    path = _try_hub(lambda: hf_hub_download(repo, filename, revision=revision), repository, waits)
    try:
        state = _read(Path(path))
    except InputError as error:
        # The hub's client caches any file it got, and would return it in every further run.
        Path(path).resolve().unlink()
        raise InputError(
            f"config encoder.weights 'pretrained': what {constants.ENDPOINT} sent as {filename} of "
            f"'{repository}' is not a\nsafetensors file ({error.__cause__}). It was removed from "
            "the cache: run again, or\nset encoder.weights to the path of a file that you fetch "
            "elsewhere."
        ) from error
    model = _build(architecture, _channels(state), model_args)
    _fill(model, state, f"{repository}/{filename}", architecture)
    source = f"{constants.ENDPOINT}/{repo}" + (f"@{revision}" if revision else "")
    return model, {"source": source, "model_args": model_args, **extra}


def _split(repository: str) -> tuple[str, str | None]:
    repo, _, revision = repository.partition("@")
    return repo, revision or None


def _try_hub(get, repository: str, waits: Sequence[float]):
    """Call `get` until it succeeds; give up at once on a failure that time does not cure."""

    def is_final(error: Exception) -> bool:
        # Failed connections raise many kinds of exceptions; only those listed here are final.
        missing = isinstance(error, EntryNotFoundError)
        lacks = missing and not isinstance(error, LocalEntryNotFoundError)
        gone = isinstance(error, RepositoryNotFoundError | RevisionNotFoundError)
        return lacks or gone or isinstance(error, OfflineModeIsEnabled)

    try:
        return try_again(get, waits, is_final, f"{constants.ENDPOINT}/{repository}")
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise InputError(
            f"config encoder.name: {constants.ENDPOINT} has no '{repository}' visible "
            "without a login. Correct the name, or put a token in HF_TOKEN if it is private."
        ) from error
    except Exception as error:
        offline = isinstance(error, OfflineModeIsEnabled)
        if is_final(error) and not offline:
            raise InputError(
                f"config encoder.name: '{repository}' at {constants.ENDPOINT} lacks a file "
                f"that is needed ({' '.join(str(error).split())}).\n"
                "Name a timm ConvNeXt that has safetensors weights there."
            ) from error
        attempts = 1 if offline else len(waits) + 1
        raise InputError(
            f"config encoder.weights 'pretrained': {constants.ENDPOINT} could not be "
            f"reached for '{repository}' in {attempts} attempts ({type(error).__name__}).\n"
            "Run this rule with a network, or download model.safetensors elsewhere "
            "and set encoder.weights\nto its path, or set encoder.weights: bundled and "
            "encoder.name: convnext_atto."
        ) from error


def _bundled(name: str) -> tuple[ConvNeXt, dict]:
    path, card = BUNDLED / "encoder.safetensors", BUNDLED / "card.json"
    whole = path.is_file() and card.is_file()
    if not whole or hash_file(path) != json.loads(card.read_text(encoding="utf-8"))["sha256"]:
        raise InputError(
            f"{path}: {'differs from' if whole else 'is missing, or'} its card {card.name}"
            f"{'' if whole else ' is'}, expected the file that came with the project.\n"
            f"Restore it: git checkout -- {BUNDLED}."
        )
    return read_encoder(name, path)


def read_encoder(name: str, path: Path) -> tuple[ConvNeXt, dict]:
    """Network of a safetensors file for the ConvNeXt `name`, and what the file says of it.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another network.
    """
    if not path.is_file():
        raise InputError(
            f"config encoder.weights: found '{path}', which is not a file, expected 'random', "
            "'pretrained' or the path of a safetensors file. Correct the config."
        )
    state = _read(path)
    with safe_open(path, "pt") as file:
        header = (file.metadata() or {}).get("morphovote")
    about = json.loads(header) if header else {}
    own = about.get("architecture", name).split(".")[0]
    if own != name.split(".")[0] and not about.get("name", "").startswith(HUB):
        raise InputError(
            f"{path}: holds a {own} (its header says), but config encoder.name is '{name}'. "
            f"Set encoder.name: {about['name']}."
        )
    model = _build(name, _channels(state), about.get("model_args"))
    _fill(model, state, str(path), name)
    kept = ("licence", "mean", "std", "interpolation", "model_args", "upsample", "planes", "seed")
    return model, {
        "licence": "not stated in the file",
        "source": about.get("source", path.name),
        "file_sha256": hash_file(path),
        **{key: about[key] for key in kept if key in about},
    }


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a readable safetensors file ({error}). Pickled checkpoints (.pt, .pth, "
            ".bin) are not read: convert them with safetensors first."
        ) from error


def _channels(state: dict[str, torch.Tensor]) -> int:
    """Number of input channels of a checkpoint, in timm's or an older layout."""
    for key, tensor in state.items():
        if key.endswith(("stem.0.weight", "downsample_layers.0.0.weight")):
            return tensor.shape[1]
    return 3


def _fill(model: nn.Module, state: dict[str, torch.Tensor], source: str, name: str) -> None:
    """Load a checkpoint into a network without classifier; all weights must fit."""
    try:
        state = checkpoint_filter_fn(state, model)
        state = {k: v.float() for k, v in state.items() if not k.startswith("head.fc.")}
        result = model.load_state_dict(state, strict=False)
        faults = [f"lacks '{k}'" for k in result.missing_keys]
        faults += [f"has an unknown '{k}'" for k in result.unexpected_keys]
    except (RuntimeError, KeyError) as error:
        faults = [line.strip(" \t.") for line in str(error).splitlines()[1:]] or [str(error)]
    broken = [name for name, tensor in state.items() if not tensor.isfinite().all()]
    if broken and not faults:
        raise InputError(
            f"{source}: {broken[0]!r} holds numbers that are not finite, expected a trained "
            "network. Fetch the file again from its source."
        )
    if faults:
        raise InputError(
            f"{source}: its weights do not fit a {name}: {faults[0]} (the first of {len(faults)} "
            "differences). Set\nencoder.name to the ConvNeXt of timm that the file was made for."
        )
