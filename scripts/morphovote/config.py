"""The configuration: checked and completed before the first job starts."""

import difflib
import glob
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from morphovote.errors import InputError

# What simulate_field writes, described as a user would describe a survey's files.
SIMULATED = {
    "images": "image.fits",
    "rms": "rms.fits",
    "psf": "psf.fits",
    "catalogue": "catalogue.fits",
}
SIMULATED_COLUMNS = {
    "id": "ID",
    "ra": "RA",
    "dec": "DEC",
    "mag": "MAG_AUTO",
    "redshift": "Z",
    "log_mass": "LOG_MASS",
    "u_v": "U_V",
    "v_j": "V_J",
}
SIMULATED_ZERO_POINT = 25.94

# What a frozen model must hold.
MODEL_FILES = ("denoiser.safetensors", "pca.h5", "voters.h5", "classifier.h5", "names.yaml")


def complete_config(config: dict, schema_path: str | Path) -> dict:
    """Check a configuration against the schema and the disk, and fill in what it leaves out.

    Parameters
    ----------
    config : dict
        As read from YAML. Not changed.
    schema_path : str or Path
        The JSON schema, in YAML.

    Returns
    -------
    dict
        With every default, and with every field brought to one form: see `resolve_field`.

    Raises
    ------
    InputError
        One sentence for the first mistake: unknown key, wrong type, impossible combination, or a
        file that is not there.
    """
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=relevance)
    if errors:
        raise InputError(_explain(errors[-1]))
    complete = _fill_defaults(config, schema, schema["$defs"])
    _check_weights(complete["encoder"]["weights"])
    names = complete["classes"]["names"]
    if names is not None:
        _require_file(names, "classes.names")
    complete["fields"] = {
        name: resolve_field(name, field) for name, field in complete["fields"].items()
    }
    return complete


def resolve_field(name: str, field: dict) -> dict:
    """Bring a field to one form: lists of files, columns, scales, and the kind of its pixels.

    Parameters
    ----------
    name : str
        The field's name.
    field : dict
        Its entry in the config, with defaults.

    Returns
    -------
    dict
        `kind` ('images' or 'cutouts'), `pattern` (of the cutouts), `images`, `rms`, `weight`,
        `psf` and `catalogue` (lists of paths), `columns`, `select`, `pixel_origin`,
        `pixel_scale`, `zero_point`, `model` (path or None), `simulate` (dict or None), `detect`
        (whether the catalogue is made by detect_sources).

    Raises
    ------
    InputError
        If the entry contradicts itself or names a file that is not there.
    """
    where = f"fields.{name}"
    sources = [key for key in ("simulate", "images", "cutouts") if key in field]
    if len(sources) != 1:
        found = " and ".join(sources) if sources else "none of them"
        raise InputError(
            f"config, {where}: found {found}, expected exactly one of simulate, images and "
            "cutouts. Keep the one that describes this field."
        )
    if "rms" in field and "weight" in field:
        raise InputError(
            f"config, {where}: found both rms and weight, expected at most one noise map. "
            "Keep the one you trust."
        )
    resolved = {
        "kind": "cutouts" if "cutouts" in field else "images",
        "pattern": field.get("cutouts"),
        "columns": field.get("columns", {}),
        "select": field["select"],
        "pixel_origin": field["pixel_origin"],
        "pixel_scale": field.get("pixel_scale"),
        "zero_point": field.get("zero_point"),
        "model": _model_folder(field.get("model"), where),
        "simulate": field.get("simulate"),
        "detect": False,
    }
    if "simulate" in field:
        extra = sorted(set(field) - {"simulate", "select", "pixel_origin", "model"})
        if extra:
            raise InputError(
                f"config, {where}: found {', '.join(extra)} beside simulate, which brings its own. "
                "Remove them, or describe real files with images or cutouts instead."
            )
        folder = f"results/{name}/simulated"
        resolved |= {key: [f"{folder}/{file}"] for key, file in SIMULATED.items()}
        resolved |= {"weight": [], "columns": SIMULATED_COLUMNS}
        resolved["zero_point"] = SIMULATED_ZERO_POINT
        return resolved
    resolved["images"] = _find(field.get("images") or field["cutouts"], f"{where}.{sources[0]}")
    for noise in ("rms", "weight"):
        resolved[noise] = _find(field[noise], f"{where}.{noise}") if noise in field else []
        if resolved[noise] and len(resolved[noise]) != len(resolved["images"]):
            raise InputError(
                f"config, {where}.{noise}: found {len(resolved[noise])} files for "
                f"{len(resolved['images'])} images, expected one for each, in the same sorted "
                "order. Adjust the patterns."
            )
    for single in ("psf", "catalogue"):
        if single in field:
            _require_file(field[single], f"{where}.{single}")
        resolved[single] = [field[single]] if single in field else []
    if resolved["columns"] and not resolved["catalogue"]:
        raise InputError(
            f"config, {where}: found columns but no catalogue. Add catalogue: <file>, or remove "
            "columns."
        )
    if resolved["kind"] == "images" and not resolved["catalogue"]:
        resolved["detect"] = True
        resolved["catalogue"] = [f"results/{name}/detected.fits"]
    return resolved


def _fill_defaults(value, schema: dict, definitions: dict):
    """Copy of `value` with the schema's defaults, recursively."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]] | schema
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    filled = dict(value)
    for key, part in known.items():
        if key not in filled and "default" in part:
            filled[key] = part["default"]
    others = schema.get("additionalProperties")
    for key in filled:
        part = known.get(key, others if isinstance(others, dict) else None)
        if part is not None:
            filled[key] = _fill_defaults(filled[key], part, definitions)
    return filled


def _explain(error: ValidationError) -> str:
    """One sentence for a schema violation."""
    where = ".".join(str(part) for part in error.absolute_path)
    place = f"config, {where}" if where else "config"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known), key=str)[0]
        close = difflib.get_close_matches(str(unknown), known, 1)
        hint = f"Did you mean {close[0]}?" if close else "Remove it or correct it."
        return f"{place}: unknown key {unknown!r}, expected one of {', '.join(known)}. {hint}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{place}: the key {missing[0]!r} is missing. Add it."
    if "propertyNames" in error.absolute_schema_path:
        return (
            f"{place}: {error.instance!r} cannot name a field; expected letters, digits and _ . + "
            "-, and neither 'all' nor 'encoder', which the workflow uses. Rename it."
        )
    if error.validator == "enum":
        wanted = ", ".join(str(choice) for choice in error.validator_value)
        return f"{place}: found {error.instance!r}, expected one of {wanted}. Correct it."
    if error.validator == "type":
        wanted = error.validator_value
        wanted = wanted if isinstance(wanted, str) else " or ".join(wanted)
        return f"{place}: found {error.instance!r}, expected a value of type {wanted}. Correct it."
    if error.validator == "anyOf":
        wanted = error.schema.get("description", "another value")
        return f"{place}: found {error.instance!r}, expected: {wanted} Correct it."
    return f"{place}: {error.message}. Correct it."


def _find(pattern: str, where: str) -> list[str]:
    paths = sorted(glob.glob(pattern, recursive=True))
    if not paths:
        raise InputError(
            f"config, {where}: no file matches {pattern!r}, seen from {Path.cwd()}. Correct the "
            "pattern; relative paths start at the working directory."
        )
    return paths


def _require_file(path: str, where: str) -> None:
    if not Path(path).is_file():
        raise InputError(
            f"config, {where}: there is no file {path!r}, seen from {Path.cwd()}. Correct the "
            "path; relative paths start at the working directory."
        )


def _check_weights(weights: str) -> None:
    if weights not in ("bundled", "random", "pretrained") and not Path(weights).is_file():
        raise InputError(
            f"config, encoder.weights: found {weights!r}, expected bundled, random, pretrained, "
            "or the path of a safetensors file that exists. Correct it."
        )


def _model_folder(folder: str | None, where: str) -> str | None:
    """A frozen model's folder, once its files are there or this run makes them."""
    if folder is None:
        return None
    folder = folder.rstrip("/")
    made_here = folder.startswith("results/")
    missing = [name for name in MODEL_FILES if not (Path(folder) / name).is_file()]
    if missing and not made_here:
        raise InputError(
            f"config, {where}.model: {folder} lacks {', '.join(missing)}. Give the model folder of "
            "a finished run (results/<field>/model)."
        )
    return folder
