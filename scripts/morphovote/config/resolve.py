"""The configuration: checked and completed before the first job starts."""

import difflib
import math
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from morphovote.compute.bags import bag_size
from morphovote.config.files import (
    check_results,
    check_weights,
    find_files,
    list_downloads,
    require_file,
)
from morphovote.config.roles import MATCHED_BY, PLACES, PROPERTIES, SIMULATED_COLUMNS
from morphovote.errors import InputError
from morphovote.storage.model_folder import DESCRIPTION, MODEL_FILES, read_description

# Settings of the config that change what a galaxy's embedding or vote is.
NEEDED = (
    ("cutout", "size"),
    ("cutout", "neighbours"),
    ("cutout", "scaling"),
    ("denoiser", "scheme"),
    ("polar", "scheme"),
    ("encoder", "input"),
    ("encoder", "rotations"),
    ("voting", "scheme"),
)

# What simulate_field writes, described as a user would describe a survey's files.
SIMULATED = {
    "images": "image.fits",
    "rms": "rms.fits",
    "psf": "psf.fits",
    "catalogue": "catalogue.fits",
}
SIMULATED_ZERO_POINT = 25.94

# The published vote has three voters and keeps where all agree, whatever the config says.
PUBLISHED_VOTE = {"voters": 3, "agreement": 1.0}

# What measure.select can ask for.
MEASURED_ROLES = (*PROPERTIES, *PLACES)

# What the names of columns begin with that come from a field's physical catalogue.
PHYSICAL_PREFIX = "PHYS_"


def complete_config(config: dict, schema_path: str | Path, places: dict[str, str]) -> dict:
    """Check a configuration against the schema and the disk, and fill in what it leaves out.

    Parameters
    ----------
    config : dict
        As read from YAML. Not changed.
    schema_path : str or Path
        The JSON schema, in YAML.
    places : dict of str
        Where the workflow leaves what a field's config points to, with `{field}` for its name:
        `results`, `simulated`, `detected`, `matched`, `model` and `unpacked` (the model of an
        archive).

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
    _check_plain(config, "config")
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=relevance)
    if errors:
        raise InputError(_explain(errors[-1]))
    check_results()
    complete = _fill_defaults(config, schema, schema["$defs"])
    check_weights(complete["encoder"]["weights"])
    _check_schemes(complete)
    names = complete["classes"]["names"]
    if names is not None:
        require_file(names, "classes.names")
    complete["fields"] = {
        name: resolve_field(name, field, places) for name, field in complete["fields"].items()
    }
    _check_measured(complete["measure"]["select"])
    for name, field in complete["fields"].items():
        if field["simulate"]:
            check_galaxies(name, field, field["simulate"]["galaxies"], complete["voting"])
    if complete["voting"]["scheme"] == "published":
        complete["voting"] = complete["voting"] | PUBLISHED_VOTE
        _check_own_model(complete["fields"])
    _check_models(complete, places)
    return complete


def resolve_field(name: str, field: dict, places: dict[str, str]) -> dict:
    """Bring a field to one form: lists of files, columns, scales, and the kind of its pixels.

    Parameters
    ----------
    name : str
        The field's name.
    field : dict
        Its entry in the config, with defaults.
    places : dict of str
        See `complete_config`.

    Returns
    -------
    dict
        `kind` ('images' or 'cutouts'), `pattern` (of the cutouts), `images`, `rms`, `weight`,
        `psf`, `catalogue` and `checked` (lists of paths), `columns`, `select`, `pixel_origin`,
        `pixel_scale`, `zero_point`, `model` (folder or None), `archive` (list of the path of the
        archive that is unpacked into it, or empty), `simulate` (dict or None), `detect` (whether
        the catalogue is made by detect_sources), `physical` (dict or None) and, with it,
        `unmatched` (the catalogue before match_physical, with `unmatched_columns`), `downloads`
        (file -> the table that says where it comes from), and `given` (the entry itself, for who
        wants to repeat the run).

    Raises
    ------
    InputError
        If the entry contradicts itself or names a file that is not there.
    """
    where = f"fields.{name}"
    places = {what: place.format(field=name) for what, place in places.items()}
    sources = [key for key in ("simulate", "images", "cutouts") if key in field]
    if len(sources) != 1:
        found = " and ".join(sources) if sources else "none of them"
        raise InputError(
            f"config, {where}: found {found}, expected exactly one of simulate, images and "
            "cutouts. Keep the one that describes this field."
        )
    for key, (low, high) in field["select"].items():
        _check_range(f"{where}.select.{key}", low, high)
    if "rms" in field and "weight" in field:
        raise InputError(
            f"config, {where}: found both rms and weight, expected at most one noise map. "
            "Keep the one you trust."
        )
    model, archive = _model_folder(field.get("model"), name, places)
    downloads = list_downloads(field["download"], where) if "download" in field else {}
    resolved = {
        "kind": "cutouts" if "cutouts" in field else "images",
        "pattern": field.get("cutouts"),
        "columns": field.get("columns", {}),
        "select": field["select"],
        "pixel_origin": field["pixel_origin"],
        "pixel_scale": field.get("pixel_scale"),
        "zero_point": field.get("zero_point"),
        "model": model,
        "archive": archive,
        "simulate": field.get("simulate"),
        "detect": False,
        "checked": [field["checked"]] if "checked" in field else [],
        "physical": None,
        "downloads": downloads,
        "given": field,
    }
    if "checked" in field:
        require_file(field["checked"], f"{where}.checked")
    if "simulate" in field:
        extra = sorted(set(field) - {"simulate", "select", "pixel_origin", "model", "checked"})
        if extra:
            raise InputError(
                f"config, {where}: found {', '.join(extra)} beside simulate, which brings its own. "
                "Remove them, or describe real files with images or cutouts instead."
            )
        resolved |= {key: [f"{places['simulated']}/{file}"] for key, file in SIMULATED.items()}
        resolved |= {"weight": [], "columns": SIMULATED_COLUMNS}
        resolved["zero_point"] = SIMULATED_ZERO_POINT
        return resolved
    pattern = field.get("images") or field["cutouts"]
    resolved["images"] = find_files(pattern, f"{where}.{sources[0]}", downloads)
    for noise in ("rms", "weight"):
        found = find_files(field[noise], f"{where}.{noise}", downloads) if noise in field else []
        resolved[noise] = found
        if resolved[noise] and len(resolved[noise]) != len(resolved["images"]):
            raise InputError(
                f"config, {where}.{noise}: found {len(resolved[noise])} files for "
                f"{len(resolved['images'])} images, expected one for each, in the same sorted "
                "order. Adjust the patterns."
            )
    for single in ("psf", "catalogue"):
        if single in field:
            require_file(field[single], f"{where}.{single}", downloads)
        resolved[single] = [field[single]] if single in field else []
    if resolved["columns"] and not resolved["catalogue"]:
        raise InputError(
            f"config, {where}: found columns but no catalogue. Add catalogue: <file>, or remove "
            "columns."
        )
    if resolved["kind"] == "images" and not resolved["catalogue"]:
        resolved["detect"] = True
        resolved["catalogue"] = [places["detected"]]
    if "physical" in field:
        _resolve_physical(name, field["physical"], resolved, places["matched"])
    return resolved


def _resolve_physical(name: str, physical: dict, resolved: dict, matched: str) -> None:
    """Put the cross-match between the field's catalogue and all that reads it."""
    where = f"fields.{name}.physical"
    require_file(physical["catalogue"], f"{where}.catalogue", resolved["downloads"])
    if not resolved["catalogue"]:
        raise InputError(
            f"config, {where}: the field has no catalogue to match with. Add catalogue: <file>."
        )
    roles = dict(physical["columns"])
    by = {role: roles.pop(role) for role in MATCHED_BY if role in roles}
    if set(by) not in ({"id"}, {"ra", "dec"}):
        raise InputError(
            f"config, {where}.columns: found {', '.join(by) or 'none'} of id, ra and dec, expected "
            "ra and dec (match by position) or id (match by id). Correct it."
        )
    resolved["physical"] = physical | {"match_by": by}
    resolved["unmatched"], resolved["unmatched_columns"] = (
        resolved["catalogue"],
        resolved["columns"],
    )
    resolved["catalogue"] = [matched]
    # What the physical catalogue gives counts before the field's own.
    resolved["columns"] = resolved["columns"] | {
        role: PHYSICAL_PREFIX + column for role, column in roles.items()
    }


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
            f"{place}: {str(error.instance)[:120]!r} cannot name a field; expected a text of up to "
            "100 letters, digits and _ . + -, and none of 'all', 'encoder' and 'downloads', which "
            "the workflow uses. Rename it (a number needs quotes)."
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


def check_galaxies(name: str, field: dict, galaxies: int, voting: dict) -> None:
    """Stop where a field has fewer galaxies than groups to put them in.

    Parameters
    ----------
    name, field : str, dict
        Of the completed config.
    galaxies : int
        Selected sources, as far as is known.
    voting : dict
        That section of the config.

    Raises
    ------
    InputError
        If the field fits a model of its own, and cannot.
    """
    groups, bagged = voting["groups"], voting["scheme"] == "bagged"
    seen = bag_size(galaxies) if bagged else galaxies
    if field["model"] is None and isinstance(groups, int) and seen <= groups:
        found = f"{galaxies} galaxies" + (f", of which each voter sees {seen}" if bagged else "")
        raise InputError(
            f"config, voting.groups: found {groups} for field {name} with {found}; expected fewer "
            f"groups than that. Set it to {max(seen // 5, 2)} or so, or select more galaxies."
        )


def _check_plain(value, place: str) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                raise InputError(
                    f"{place}: found the key {key!r}, expected text. Write it in quotes."
                )
            _check_plain(part, f"{place}, {key}" if place == "config" else f"{place}.{key}")
    elif isinstance(value, list):
        for part in value:
            _check_plain(part, place)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{place}: found {value}, expected a finite number. Correct it.")


def _check_range(where: str, low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise InputError(
            f"config, {where}: found [{low}, {high}], expected the lowest value first. Correct it."
        )


def _check_measured(select: dict) -> None:
    """Stop at a cut that only the measuring would notice."""
    for role, (low, high) in select.items():
        where = f"measure.select.{role}"
        _check_range(where, low, high)
        if role.lower() not in MEASURED_ROLES:
            raise InputError(
                f"config, {where}: unknown '{role}', expected some of {', '.join(MEASURED_ROLES)}. "
                "Correct it."
            )


def _check_schemes(config: dict) -> None:
    """Stop at combinations of published and other steps that do not fit together."""

    def published(section: str, key: str = "scheme") -> bool:
        return config[section][key] == "published"

    if published("cutout", "scaling") and not published("denoiser"):
        raise InputError(
            "config, cutout.scaling: found published beside denoiser.scheme "
            f"{config['denoiser']['scheme']}, which needs the noise in the images' unit. Set "
            "denoiser.scheme: published too, or cutout.scaling: flux."
        )
    if published("denoiser") and config["cutout"]["size"] % 4:
        raise InputError(
            f"config, cutout.size: found {config['cutout']['size']}, expected a multiple of 4 with "
            "denoiser.scheme published, which halves the picture twice. Correct it."
        )
    if published("polar") and not published("encoder", "input"):
        raise InputError(
            f"config, encoder.input: found {config['encoder']['input']} beside polar.scheme "
            "published, whose picture has the angle along the other side. Set encoder.input: "
            "published too, or polar.scheme: moments."
        )
    if published("encoder", "input") and config["encoder"]["rotations"] > 1:
        raise InputError(
            f"config, encoder.rotations: found {config['encoder']['rotations']}, expected 1 with "
            "encoder.input published, which does not wrap in angle. Correct one of them."
        )


def _check_own_model(fields: dict) -> None:
    """Stop where a field would use a model that only labels the galaxies it was fitted to."""
    for name, field in fields.items():
        if field["model"] is not None:
            raise InputError(
                f"config, fields.{name}.model: found {field['model']!r} with voting.scheme "
                "published, which can only label the galaxies it was fitted to. Remove model, or "
                "set voting.scheme: bagged for both fields."
            )


def _model_folder(
    path: str | None, name: str, places: dict[str, str]
) -> tuple[str | None, list[str]]:
    """A frozen model's folder, and the archive it is unpacked from.

    The files of a folder are there, unless a field of this run makes them; an archive is a file,
    and its folder is the field's own.
    """
    if path is None:
        return None, []
    where = f"fields.{name}.model"
    if Path(path).is_file() or path.endswith(".zip"):
        if not path.startswith(f"{places['results']}/"):
            require_file(path, where)
        return places["unpacked"], [path]
    folder = path.rstrip("/")
    made_here = folder.startswith(f"{places['results']}/")
    missing = [file for file in MODEL_FILES if not (Path(folder) / file).is_file()]
    if missing and not made_here:
        raise InputError(
            f"config, {where}: {folder} lacks {', '.join(missing)}. Give the model folder of a "
            "finished run (results/<field>/model), or an archive of it."
        )
    return folder, []


def _check_models(config: dict, places: dict[str, str]) -> None:
    """Stop before the first job where a field's steps are not those of its model.

    Models that this run may fit anew, and those in archives, are checked by check_model.
    """
    made_here = {places["model"].format(field=name) for name in config["fields"]}
    for name, field in config["fields"].items():
        if field["model"] is None or field["archive"] or field["model"] in made_here:
            continue
        path = Path(field["model"]) / DESCRIPTION
        if path.is_file():
            check_settings(config, read_description(path), name)


def check_settings(config: dict, description: dict, field: str) -> None:
    """Stop where the config asks for other steps than the model was fitted with.

    Parameters
    ----------
    config : dict
        Complete.
    description : dict
        Of the model.
    field : str
        Which uses it; for the message.

    Raises
    ------
    InputError
    """
    for section, key in NEEDED:
        wanted = description["settings"].get(section, {}).get(key)
        found = config[section][key]
        if wanted is not None and found != wanted:
            raise InputError(
                f"config, {section}.{key}: found {found}, but the model that fields.{field} uses "
                f"was fitted on field {description['field']} with {wanted}. Set {section}.{key}: "
                f"{wanted}, or remove fields.{field}.model to fit a model here."
            )
