"""Check whether a frozen model can be used on a field.

model.json in the model folder says what the model was fitted on (`description`). Each difference
from the field is either an error with one sentence, or bridged by a conversion that every output
names.
"""

from collections.abc import Sequence
from pathlib import Path

from morphovote.config.check import check_settings
from morphovote.errors import InputError
from morphovote.logs import log
from morphovote.storage.digests import hash_file
from morphovote.storage.files import read_json, write_json
from morphovote.storage.model_folder import DESCRIPTION

# Cutouts are resampled to pixels at most this many times smaller or larger.
LARGEST_FACTOR = 2.0
# As in `resampling`, which is too slow to import before every run.
SAME_SCALE = 0.01


def check_files(description: dict, folder: str | Path) -> None:
    """Raise an error if a file of a model folder is not the one that its description names.

    Parameters
    ----------
    description : dict
    folder : path
        The SHA-256 of its HDF5 and safetensors files is checked before anything reads them. The
        file of names may differ: people edit it.

    Raises
    ------
    InputError
    """
    for name, known in description.get("files", {}).items():
        path = Path(folder) / Path(name).name
        if path.suffix not in (".h5", ".safetensors"):
            continue
        if not path.is_file() or hash_file(path) != known:
            raise InputError(
                f"{path}: {'differs from' if path.is_file() else 'is missing, but is'} the file "
                f"that {DESCRIPTION} beside it describes, sha256 {str(known)[:12]}.\nTake the "
                "whole folder again from where it was made, or run that field to its end there."
            )


def check_encoder(card: dict, description: dict, path: str | Path) -> None:
    """Raise an error if the encoder is not the one of the model.

    Raises
    ------
    InputError
    """
    found, wanted = card.get("sha256"), description["encoder"]["sha256"]
    if found != wanted:
        about = description["encoder"]
        raise InputError(
            f"{path}: the encoder {card.get('name')} has sha256 {str(found)[:12]}, but the model "
            f"was fitted with {about['name']} ({about['weights']} weights), {wanted[:12]}. Set "
            "encoder.name and encoder.weights to that one, or use the model as one archive, which "
            "brings its encoder (make package-model)."
        )


def bridge_scale(scale: float, description: dict, field: str, side: int | None) -> dict | None:
    """Conversion from the field's pixel scale to the model's; None if they are the same.

    Parameters
    ----------
    scale : float
        Of the field, arcsec a pixel.
    description : dict
        Of the model.
    field : str
    side : int or None
        Side of the field's ready-made cutouts (px); None if they are cut from images.

    Returns
    -------
    dict or None
        what, from, to (arcsec), text.

    Raises
    ------
    InputError
        If the scales are more than a factor of 2 apart, or the ready-made cutouts too small.
    """
    wanted = float(description["pixel_scale"])
    if abs(scale / wanted - 1) <= SAME_SCALE:
        return None
    if not 1 / LARGEST_FACTOR - SAME_SCALE <= scale / wanted <= LARGEST_FACTOR + SAME_SCALE:
        raise InputError(
            f"field {field}: found {scale:.4g} arcsec a pixel, but its model was fitted on field "
            f"{description['field']} at {wanted:.4g}, and resampling bridges a factor of "
            f"{LARGEST_FACTOR:g} at most. Fit a model on this field: remove fields.{field}.model."
        )
    size = description["settings"]["cutout"]["size"]
    needed = size * wanted / scale
    if side is not None and side < 0.75 * needed:
        raise InputError(
            f"field {field}: found ready-made cutouts {side} pixels wide, expected {needed:.0f} to "
            f"cover {size} pixels of {wanted:.4g} arcsec, the model's. Give larger cutouts or the "
            f"images, or remove fields.{field}.model to fit a model here."
        )
    text = (
        f"cutouts of {scale:.4g} arcsec a pixel are resampled to the model's {wanted:.4g}, light "
        "kept; the PSF stays as wide as it is on the sky"
    )
    return {"what": "pixel_scale", "from": scale, "to": wanted, "text": text}


def check_model(
    description: dict,
    card: dict,
    card_path: str | Path,
    config: dict,
    field: str,
    scale: float,
    side: int | None,
) -> dict:
    """Check a field against the needs of a model.

    Parameters
    ----------
    description : dict
        model.json.
    card : dict
        Card of the encoder that the field will use, from `card_path`.
    config : dict
    field : str
    scale : float
        Pixel scale of the field, arcsec.
    side : int or None
        See `bridge_scale`.

    Returns
    -------
    dict
        model_field, pixel_scale (of the model, that of the cutouts), conversions, warnings.

    Raises
    ------
    InputError
        At the first mismatch that cannot be bridged.
    """
    check_settings(config, description, field)
    check_encoder(card, description, card_path)
    bridged = bridge_scale(scale, description, field, side)
    warnings = []
    found, wanted = config["encoder"]["precision"], description["encoder"].get("precision")
    if found != "auto" and wanted and found != wanted:
        warnings.append(
            f"encoder.precision is {found}, and the model was fitted with {wanted}: embeddings "
            "differ in the third digit"
        )
    return {
        "field": field,
        "model_field": description["field"],
        "pixel_scale": float(description["pixel_scale"]),
        "field_pixel_scale": scale,
        "conversions": [bridged] if bridged else [],
        "warnings": warnings,
    }


def read_pixel_scale(paths: Sequence[str | Path]) -> float | None:
    """Pixel scale (arcsec) to which cutouts are resampled, from the check of a frozen model.

    Parameters
    ----------
    paths : sequence of path
        Files that `write_check` wrote, or none.

    Returns
    -------
    float or None
        None if the pixels of the images are kept.
    """
    for path in paths:
        for conversion in read_json(path)["conversions"]:
            return float(conversion["to"])
    return None


def write_check(result: dict, path: str | Path) -> None:
    """Log the result of the check, and write it as JSON, complete or not at all."""
    log.info("the model was fitted on field %s and fits this one", result["model_field"])
    for conversion in result["conversions"]:
        log.info("conversion: %s", conversion["text"])
    for warning in result["warnings"]:
        log.warning("%s", warning)
    write_json(path, result)
