"""Complete the configuration: fill in defaults, find files, bring every field to one form."""

import glob
import re
from pathlib import Path

import yaml

from morphovote.config.bands import gather_bands, join_bands, resolve_choice
from morphovote.config.check import (
    check_galaxies,
    check_labels,
    check_maps,
    check_measured,
    check_own_model,
    check_range,
    check_renamed,
    check_schema,
    check_schemes,
    check_settings,
    raise_all,
)
from morphovote.config.files import (
    check_results,
    check_weights,
    find_files,
    list_downloads,
    require_file,
    split_plane,
)
from morphovote.config.roles import MATCHED_BY, SIMULATED_COLUMNS
from morphovote.errors import InputError
from morphovote.storage.model_folder import DESCRIPTION, MODEL_FILES, read_description

# Files that simulate_field writes, under the keys that a user gives for a survey.
SIMULATED = {
    "images": "image.fits",
    "rms": "rms.fits",
    "psf": "psf.fits",
    "catalogue": "catalogue.fits",
}

SIMULATED_ZERO_POINT = 25.94

# The published vote has three voters, all of whom must agree, whatever the config says.
PUBLISHED_VOTE = {"voters": 3, "agreement": 1.0}

# Words that name a file, and no galaxy.
LIKE_A_FILE = re.compile(
    r"[/*]|\.(fits?|fts|fz|gz|bz2|txt|dat|list|csv|tsv|ecsv|vot|xml|parquet|h5)$", re.IGNORECASE
)

# Prefix of the columns that come from a field's physical catalogue.
PHYSICAL_PREFIX = "PHYS_"


def complete_config(config: dict, schema_path: str | Path, places: dict[str, str]) -> dict:
    """Check a configuration against the schema and the files on disk, and fill in the defaults.

    Parameters
    ----------
    config : dict
        As read from YAML. Not changed.
    schema_path : str or Path
        The JSON schema, in YAML.
    places : dict of str
        Where the workflow writes the files that a field's config refers to, with `{field}` for
        its name: `results`, `simulated`, `detected`, `matched`, `model` and `unpacked` (the
        model unpacked from an archive).

    Returns
    -------
    dict
        With every default filled in, and every field brought to one form: see `resolve_field`.

    Raises
    ------
    InputError
        For all unknown keys, wrong types and values out of range; else for the first mistake of
        each field, as an impossible combination or a missing file; else for the first of the rest.
    """
    schema = yaml.safe_load(Path(schema_path).read_text(encoding="utf-8"))
    check_renamed(config)
    check_schema(config, schema)
    check_results()
    complete = _fill_defaults(config, schema, schema["$defs"])
    check_schemes(complete)
    names = complete["classes"]["names"]
    if names is not None:
        require_file(names, "classes.names")
    resolved, mistakes = {}, []
    for name, field in complete["fields"].items():
        try:
            resolved[name] = resolve_field(name, field, places)
        except InputError as error:
            mistakes.append(str(error))
    raise_all(mistakes)
    complete["fields"] = resolved
    if any(field["model"] is None for field in complete["fields"].values()):
        check_weights(complete["encoder"]["weights"], complete["encoder"]["name"])
    check_measured(complete["measure"]["select"])
    for name, field in complete["fields"].items():
        # The paper's code sees each cutout by itself.
        published = complete["cutout"]["scaling"] == "published"
        field["sky_of_cutouts"] = None if published else field["sky"]
        if field["simulate"]:
            check_galaxies(name, field, field["simulate"]["galaxies"], complete["voting"])
    if complete["voting"]["scheme"] == "published":
        complete["voting"] = complete["voting"] | PUBLISHED_VOTE
        check_own_model(complete["fields"])
    _check_models(complete, places)
    complete["similar_to"] = find_given(complete["similar_to"])
    return complete


def find_given(given: str | int | list | None) -> dict | None:
    """What `similar_to` names: files (path -> plane, or ''), and ids, which are all other words.

    Raises
    ------
    InputError
        If a word that looks like a file's name finds none.
    """
    if given is None:
        return None
    found: dict = {"ids": [], "files": {}}
    for one in given if isinstance(given, list) else [given]:
        pattern, plane = split_plane(str(one).strip())
        if glob.glob(pattern, recursive=True) or LIKE_A_FILE.search(pattern):
            found["files"] |= dict.fromkeys(find_files(pattern, "similar_to"), plane)
        else:
            found["ids"].append(pattern)
    return found


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
        `psf`, `catalogue` and `labels` (lists of paths), `psfs` (list of paths with their planes,
        where each image has a PSF of its own; `psf` is then empty), `psf_oversampling` (None where
        the PSF's header tells it), `columns`, `select`, `pixel_origin`,
        `missing`, `pixel_scale`, `zero_point`, `model` (folder or None), `archive` (list of the
        path of the archive that is unpacked there, or empty), `simulate` (dict or None), `detect`
        (whether detect_sources makes the catalogue), `planes` (the plane that the user chose for
        each of images, rms and weight: 'SCI' of 'f_*.fits[SCI]', else ''), `psf_plane` (list of
        the PSF's path with its plane, or empty), `physical` (dict or None) and, with it,
        `unmatched` (the catalogue before match_physical) and `unmatched_columns`, `sky` ('auto',
        'none', {mesh: px}, or None where only each cutout's own is to be had), `downloads` (map
        from file to the table that lists it), and `given` (the entry itself, for repeating the
        run).

    Raises
    ------
    InputError
        If the entry contradicts itself or names a missing file.
    """
    where, given = f"fields.{name}", field
    places = {what: place.format(field=name) for what, place in places.items()}
    field = gather_bands(where, field)
    _check_kind(where, field)
    model, archive = _model_folder(field.get("model"), name, places)
    downloads = list_downloads(field["download"], where) if "download" in field else {}
    resolved = {
        "kind": "cutouts" if _has_cutouts(field) else "images",
        "pattern": split_plane(field["cutouts"])[0] if "cutouts" in field else None,
        "bands": None,
        **resolve_choice(field),
        "columns": field.get("columns", {}),
        "select": field["select"],
        "pixel_origin": field["pixel_origin"],
        "missing": field.get("missing", []),
        "pixel_scale": field.get("pixel_scale"),
        "zero_point": field.get("zero_point"),
        "psf_oversampling": field.get("psf_oversampling"),
        "model": model,
        "archive": archive,
        "simulate": field.get("simulate"),
        "detect": False,
        "labels": [],
        "physical": None,
        "sky": None if _has_cutouts(field) else field.get("sky", "auto"),
        "downloads": downloads,
        "given": given,
    }
    if "labels" in field:
        resolved["labels"] = find_files(field["labels"], f"{where}.labels")
        check_labels(where, resolved["labels"], places["results"])
    if "simulate" in field:
        return resolved | _resolve_simulated(places["simulated"])
    if "bands" in field:
        resolved["bands"] = _resolve_bands(where, field, downloads)
        resolved |= join_bands(where, resolved["bands"])
    else:
        resolved |= _resolve_files(where, field, downloads)
    resolved["catalogue"] = _resolve_catalogue(where, field, downloads)
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


def _check_kind(where: str, field: dict) -> None:
    """Stop if an entry does not describe its field in exactly one way."""
    sources = [key for key in ("simulate", "images", "cutouts", "bands") if key in field]
    if len(sources) != 1:
        found = " and ".join(sources) if sources else "none of them"
        raise InputError(
            f"config, {where}: found {found}, expected exactly one of simulate, images, cutouts "
            "and bands. Keep the one that describes this field."
        )
    for key, (low, high) in field["select"].items():
        check_range(f"{where}.select.{key}", low, high)
    check_maps(where, field)
    if "sky" in field and _has_cutouts(field):
        raise InputError(
            f"config, {where}: found sky together with cutouts. The sky of a ready-made cutout is "
            "fitted with its galaxy. Remove sky, or give the images they were cut from."
        )
    extra = sorted(
        set(field) - {"simulate", "select", "pixel_origin", "sky", "missing", "model", "labels"}
    )
    if "simulate" in field and extra:
        raise InputError(
            f"config, {where}: found {', '.join(extra)} together with simulate, which has its own. "
            "Remove them, or describe real files with images or cutouts instead."
        )


def _resolve_simulated(folder: str) -> dict:
    """The files that `simulate_field` will write to its folder, as entries for a survey."""
    files = {key: [f"{folder}/{file}"] for key, file in SIMULATED.items()}
    return files | {
        "weight": [], "columns": SIMULATED_COLUMNS, "zero_point": SIMULATED_ZERO_POINT,
        "planes": {}, "psf_plane": files["psf"], "psfs": [],
    }  # fmt: skip


def _resolve_files(where: str, field: dict, downloads: dict[str, str]) -> dict:
    """The survey files that a field or one of its bands names: images, noise maps, PSF."""
    source = "images" if "images" in field else "cutouts"
    given = {key: split_plane(field.get(key, "")) for key in (source, "rms", "weight", "psf")}
    files = {"images": find_files(given[source][0], f"{where}.{source}", downloads)}
    files["planes"] = {"images": given[source][1]}
    for noise in ("rms", "weight"):
        pattern, files["planes"][noise] = given[noise]
        found = find_files(pattern, f"{where}.{noise}", downloads) if noise in field else []
        files[noise] = found
        if found and len(found) != len(files["images"]):
            raise _unpaired(f"{where}.{noise}", found, files["images"], "expected one for each")
    return files | _resolve_psf(where, given["psf"], files["images"], downloads)


def _resolve_catalogue(where: str, field: dict, downloads: dict[str, str]) -> list[str]:
    if "catalogue" not in field:
        return []
    require_file(field["catalogue"], f"{where}.catalogue", downloads)
    return [field["catalogue"]]


def _has_cutouts(field: dict) -> bool:
    """Whether a field's pixels are ready-made cutouts, of one band or of several."""
    return any("cutouts" in one for one in (field, *field.get("bands", {}).values()))


def _resolve_bands(where: str, field: dict, downloads: dict[str, str]) -> list[dict]:
    """The files of each band, and its scales: its own, or those of the field."""
    bands = []
    for name, band in field["bands"].items():
        files = _resolve_files(f"{where}.bands.{name}", band, downloads)
        own = {key: band.get(key, field.get(key)) for key in ("pixel_scale", "zero_point")}
        about = {
            "name": name,
            "wavelength": band.get("wavelength"),
            "psf_oversampling": band.get("psf_oversampling"),
            "pattern": split_plane(band["cutouts"])[0] if "cutouts" in band else None,
        }
        bands.append(about | own | files)
    return bands


def _resolve_psf(
    where: str, given: tuple[str, str], images: list[str], downloads: dict[str, str]
) -> dict:
    """One PSF for all images (`psf`, and with its plane `psf_plane`), or one for each (`psfs`)."""
    pattern, plane = given
    found = find_files(pattern, f"{where}.psf", downloads) if pattern else []
    if len(found) not in (0, 1, len(images)):
        expected = "expected one for each, or one for all"
        raise _unpaired(f"{where}.psf", found, images, expected)
    named = [f"{path}[{plane}]" if plane else path for path in found]
    if len(found) > 1:
        return {"psf": [], "psf_plane": [], "psfs": named}
    return {"psf": found, "psf_plane": named, "psfs": []}


def _unpaired(where: str, found: list[str], images: list[str], expected: str) -> InputError:
    return InputError(
        f"config, {where}: found {len(found)} files for {len(images)} images, {expected}. They are "
        "paired by what differs between their paths. Adjust the patterns."
    )


def _resolve_physical(name: str, physical: dict, resolved: dict, matched: str) -> None:
    """Replace the field's catalogue by its cross-match with the physical one, in `resolved`."""
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
    # The physical catalogue's columns take precedence over the field's own.
    resolved["columns"] = resolved["columns"] | {
        role: PHYSICAL_PREFIX + column for role, column in roles.items()
    }


def _fill_defaults(value, schema: dict, definitions: dict):
    """Copy of `value` with the schema's defaults filled in, recursively."""
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


def _model_folder(
    path: str | None, name: str, places: dict[str, str]
) -> tuple[str | None, list[str]]:
    """A frozen model's folder, and the archive from which it is unpacked.

    The files of a folder must exist unless a field of this run makes them. An archive is unpacked
    into a folder of the field.
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
    """Stop before the first job if a field's steps are not those of its model.

    check_model checks models in archives, and models that this run may still fit.
    """
    made_here = {places["model"].format(field=name) for name in config["fields"]}
    for name, field in config["fields"].items():
        if field["model"] is None or field["archive"] or field["model"] in made_here:
            continue
        path = Path(field["model"]) / DESCRIPTION
        if path.is_file():
            check_settings(config, read_description(path), name)
