"""Check the configuration against its schema and for contradictions."""

import datetime
import difflib
import math
import re
from collections.abc import Collection
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from morphovote.compute.bags import bag_size
from morphovote.config.roles import PLACES, PROPERTIES
from morphovote.errors import InputError

# Settings that change a galaxy's embedding or vote, so a frozen model must share them.
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

# What is said of the keys of a table, not of its own place.
ABOUT_KEYS = ("additionalProperties", "required")
# Mistakes that are told together.
MOST_TOLD = 6

# Roles that measure.select may cut on.
MEASURED_ROLES = (*PROPERTIES, *PLACES)


def check_schema(config: dict, schema: dict) -> None:
    """Stop at a value that is not plain YAML, or that the schema does not allow.

    Raises
    ------
    InputError
        For all mistakes, a line each: unknown key, wrong type, or a value out of range.
    """
    _check_plain(config, "config")
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=relevance)
    # Of several mistakes of one value the most telling, which comes last.
    values = {(*error.absolute_path, error.validator in ABOUT_KEYS): error for error in errors}
    told = [error for error in errors if error in values.values() or error.validator in ABOUT_KEYS]
    raise_all([_one_line(line) for error in reversed(told) for line in _explain(error)])


def _one_line(text: str) -> str:
    """A text with what cannot be printed, such as line breaks in a key, written out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def raise_all(mistakes: list[str]) -> None:
    """Stop if there are mistakes, and tell them all, a line each, but no more than `MOST_TOLD`."""
    if not mistakes:
        return
    more = len(mistakes) - MOST_TOLD
    rest = [f"And {more} more: correct these first."] if more > 0 else []
    raise InputError("\n".join([*mistakes[:MOST_TOLD], *rest]))


def check_renamed(config: dict) -> None:
    """Stop at a key that has another name now, and say what to write."""
    fields = config.get("fields")
    for name, field in fields.items() if isinstance(fields, dict) else ():
        if isinstance(field, dict) and "checked" in field:
            raise InputError(
                f"config, fields.{name}.checked: found {field['checked']!r}, but classes by eye "
                f"are called labels now. Write labels: {field['checked']}, and give the table a "
                "column RANDOM, true for each galaxy drawn at random, as all were before."
            )


def check_labels(where: str, paths: list[str], results: str) -> None:
    """Stop if labels lie where the workflow writes: it would write over them."""
    for path in paths:
        if Path(path).resolve().is_relative_to(Path(results).resolve()):
            raise InputError(
                f"config, {where}.labels: {path} lies in {results}/, where the workflow writes, "
                "and would be written over. Copy it elsewhere, and give the copy."
            )


def _check_plain(value, place: str) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                hint = ", which YAML reads for yes, no, on and off" if key in (True, False) else ""
                raise InputError(
                    f"{place}: found the key {key!r}{hint}, expected text. Write it in quotes."
                )
            _check_plain(part, f"{place}, {key}" if place == "config" else f"{place}.{key}")
    elif isinstance(value, list):
        for part in value:
            _check_plain(part, place)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{place}: found {value}, expected a finite number. Correct it.")


def _explain(error: ValidationError) -> list[str]:
    """Messages for a schema violation: one for each unknown key, else one."""
    where = ".".join(str(part) for part in error.absolute_path)
    place = f"config, {where}" if where else "config"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        lines = []
        for unknown in sorted(set(error.instance) - set(known), key=str):
            close = difflib.get_close_matches(str(unknown), known, 1)
            hint = f"Did you mean {close[0]}?" if close else "Remove it or correct it."
            expected = "" if lines else f", expected one of {', '.join(known)}"
            lines.append(f"{place}: unknown key {unknown!r}{expected}. {hint}")
        return lines
    return [_explain_value(error, place)]


def _explain_value(error: ValidationError, place: str) -> str:
    """Message for a value that the schema does not allow, or a key that is missing."""
    where = place.partition(", ")[2]
    if error.validator == "required":
        missing = [key for key in error.validator_value if f"'{key}' is a req" in error.message]
        return f"{place}: the key {missing[0]!r} is missing. Add it."
    if "propertyNames" in error.absolute_schema_path and where.count(".") > 1:
        return (
            f"{place}: {str(error.instance)[:120]!r} cannot name a band; expected a name of up to "
            "30 letters, digits and _ . + -. Rename it (a number needs quotes)."
        )
    if "propertyNames" in error.absolute_schema_path:
        return (
            f"{place}: {str(error.instance)[:120]!r} cannot name a field; expected a name of up to "
            "100 letters, digits and _ . + -, but not 'all', 'encoder' or 'downloads', which the "
            "workflow uses itself. Rename it (a number needs quotes)."
        )
    if error.validator == "enum":
        wanted = ", ".join(str(choice) for choice in error.validator_value)
        return f"{place}: found {error.instance!r}, expected one of {wanted}. Correct it."
    if error.validator == "type":
        wanted = error.validator_value
        wanted = wanted if isinstance(wanted, str) else " or ".join(wanted)
        hint = _yaml_hint(error.instance, wanted)
        return f"{place}: found {error.instance!r}, expected a value of type {wanted}. {hint}"
    if error.validator == "anyOf":
        wanted = error.schema.get("description", "another value")
        hint = _yaml_hint(error.instance, "number" if isinstance(error.instance, str) else "")
        return f"{place}: found {error.instance!r}, expected: {wanted} {hint}"
    return f"{place}: {error.message}. Correct it."


def _yaml_hint(value: object, wanted: str) -> str:
    """What to do about a value that YAML has read as another type than was meant."""
    if isinstance(value, str) and re.search("number|integer", wanted):
        try:
            number = float(value)
        except ValueError:
            return "Correct it."
        if isinstance(yaml.safe_load(value), int | float):
            return f"It is text: write {value} without quotes."
        return f"YAML takes {value} for text: write {number:.10g}."
    if "string" in wanted and isinstance(value, bool):
        return (
            f"YAML takes NO, yes, on and off for {value}: write the word in quotes, such as 'NO'."
        )
    if "string" in wanted and isinstance(value, int | float | datetime.date):
        return f"YAML does not take it for text: write it in quotes, '{value}'."
    return "Correct it."


def check_range(where: str, low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        raise InputError(
            f"config, {where}: found [{low}, {high}], expected the lowest value first. Correct it."
        )


def check_maps(where: str, entry: dict) -> None:
    """Stop if a field or a band has two noise maps, or says how a PSF is sampled and has none."""
    if "rms" in entry and "weight" in entry:
        raise InputError(
            f"config, {where}: found both rms and weight, expected at most one noise map. "
            "Keep the one you trust."
        )
    if "psf_oversampling" in entry and "psf" not in entry:
        raise InputError(
            f"config, {where}: found psf_oversampling but no psf. Add psf: <file>, or remove it."
        )


def check_schemes(config: dict) -> None:
    """Stop if published and other steps are combined in a way that cannot work."""

    def published(section: str, key: str = "scheme") -> bool:
        return config[section][key] == "published"

    if published("cutout", "scaling") and not published("denoiser"):
        raise InputError(
            "config, cutout.scaling: found published together with denoiser.scheme "
            f"{config['denoiser']['scheme']}, which needs noise in the unit of the images. Set "
            "denoiser.scheme: published too, or cutout.scaling: flux."
        )
    if published("denoiser") and config["cutout"]["size"] % 4:
        raise InputError(
            f"config, cutout.size: found {config['cutout']['size']}, expected a multiple of 4 with "
            "denoiser.scheme published, which halves the cutout twice. Correct it."
        )
    if published("polar") and not published("encoder", "input"):
        raise InputError(
            f"config, encoder.input: found {config['encoder']['input']} together with polar.scheme "
            "published, whose image has its angle along the other axis. Set encoder.input: "
            "published too, or polar.scheme: moments."
        )
    if published("encoder", "input") and config["encoder"]["rotations"] > 1:
        raise InputError(
            f"config, encoder.rotations: found {config['encoder']['rotations']}, expected 1 with "
            "encoder.input published, which does not wrap in angle. Correct one of them."
        )


def check_until(command: list[str], by_shard: Collection[str], uncounted: list[str]) -> None:
    """Stop at `--until` with a rule whose jobs are not known yet: it would do nothing.

    Parameters
    ----------
    command : list of str
        Words of the command line.
    by_shard : collection of str
        Rules that have a job for each shard.
    uncounted : list of str
        Fields whose galaxies have not been counted yet.
    """
    until, named = False, []
    for word in command:
        option, _, value = word.partition("=")
        if word.startswith("-"):
            until = option in ("--until", "-U")
        if until:
            named += [name for name in (word, value) if name in by_shard]
    if named and uncounted:
        counts = " ".join(f"results/{field}/shards.json" for field in uncounted)
        raise InputError(
            f"--until {named[0]}: found no job of that rule, because the galaxies of field "
            f"{uncounted[0]} have not been counted yet. First make {counts} (name "
            f"{'them' if len(uncounted) > 1 else 'it'} in place of --until), then run this again."
        )


def check_similar(command: list[str], given: dict | None) -> None:
    """Stop where similar galaxies are asked for (words of the command line), but to none."""
    if given is None and any(one == "similar" or one.endswith("/similar.csv") for one in command):
        raise InputError(
            "similar: found no similar_to in the config, expected the galaxies to which similar "
            "ones are sought. Add --config similar_to=<an ID, an image or a list of IDs>."
        )


def check_measured(select: dict) -> None:
    """Stop at a mistaken cut in measure.select, which no job would notice before measuring."""
    for role, (low, high) in select.items():
        where = f"measure.select.{role}"
        check_range(where, low, high)
        if role.lower() not in MEASURED_ROLES:
            raise InputError(
                f"config, {where}: unknown '{role}', expected one of {', '.join(MEASURED_ROLES)}. "
                "Correct it."
            )


def check_own_model(fields: dict) -> None:
    """Stop if a field would use a published model, which labels only its own galaxies."""
    for name, field in fields.items():
        if field["model"] is not None:
            raise InputError(
                f"config, fields.{name}.model: found {field['model']!r} with voting.scheme "
                "published, which can only label the galaxies it was fitted to. Remove model, or "
                "set voting.scheme: bagged for both fields."
            )


def check_galaxies(name: str, field: dict, galaxies: int, voting: dict) -> None:
    """Stop if a field has too few galaxies for the number of groups.

    Parameters
    ----------
    name, field : str, dict
        From the completed config.
    galaxies : int
        Number of selected sources, as far as known.
    voting : dict
        Section `voting` of the config.

    Raises
    ------
    InputError
        If the field is to fit a model of its own, and cannot.
    """
    groups, bagged = voting["groups"], voting["scheme"] == "bagged"
    seen = bag_size(galaxies) if bagged else galaxies
    if field["model"] is None and isinstance(groups, int) and seen <= groups:
        found = f"{galaxies} galaxies" + (f", of which each voter sees {seen}" if bagged else "")
        raise InputError(
            f"config, voting.groups: found {groups} for field {name} with {found}; expected fewer "
            f"groups than that. Set it to {max(seen // 5, 2)} or so, or select more galaxies."
        )


def check_settings(config: dict, description: dict, field: str) -> None:
    """Stop if the config asks for other steps than those the model was fitted with.

    Parameters
    ----------
    config : dict
        The completed config.
    description : dict
        Description of the model.
    field : str
        Field that uses the model; for the message.

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
