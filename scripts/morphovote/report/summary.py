"""The numbers of a whole run, for summary.json."""

import csv
import platform
from importlib import metadata
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote import __version__, flags
from morphovote.classify.classes import REASONS, order_names
from morphovote.compute.statistics import fraction_interval, median_interval
from morphovote.flags import in_vote
from morphovote.groups.by_anchors import is_weak
from morphovote.groups.suggestion import choose_core
from morphovote.measure.quality import reaches_beyond
from morphovote.report import diagnostics
from morphovote.report.text.bands import count_bands
from morphovote.report.text.sources import find_missing
from morphovote.storage.files import write_json

# Packages on which a run's numbers may depend.
PACKAGES = (
    "astropy",
    "galsim",
    "h5py",
    "matplotlib",
    "numba",
    "numpy",
    "scikit-learn",
    "scipy",
    "sep",
    "snakemake",
    "statmorph",
    "timm",
    "torch",
)

# Results of the checks and other stages that `summarise` takes.
FOUND = (
    "notes",  # of the source catalogue, sentences: sources.read_notes
    "bands",  # of a field with several bands: `reading.read_bands`
    "match",  # of the cross-match with a physical catalogue: match.json
    "stability",  # `stability_scores.summarise_stability`
    "calibration",  # `calibration.summarise_checks`
    "labels",  # what labels by eye tell: labels.json
    "injection",  # `completeness.read_recovery`
    "separation",  # `class_tests.summarise_tests`
    "confounders",  # `confounders.summarise_audit`
    "encoder",  # its card: encoder.json
    "model",  # what it was fitted on: model.json
    "shift",  # of a frozen model, how far the field lies from it: shift.json
    "timings",  # `read_benchmarks`
)


def summarise(
    field: str,
    config: dict,
    catalogue: Table,
    sources: Table,
    controls: dict,
    names: dict,
    found: dict,
) -> dict:
    """All numbers of summary.json.

    Parameters
    ----------
    field : str
    config : dict
    catalogue : Table
        As `read_catalogue` returns it.
    sources : Table
        As `reading.read_properties` returns it.
    controls : dict
        Of the vote: vote_controls.json. The ratio to the null is taken from here, where both
        samples have one size, and not from the kept fraction of the whole catalogue.
    names : dict
        The groups' names: names.yaml.
    found : dict
        Results of the checks and other stages, under the keys of `FOUND`; None for those that the
        run does not have.

    Returns
    -------
    dict
        Of numbers, text, lists and dicts; NaN is None.
    """
    missing = set(FOUND) - set(found)
    if missing:
        raise ValueError(f"the summary lacks {', '.join(sorted(missing))}")
    numbers = {
        "field": field,
        "sources": len(catalogue),
        "match": found["match"],
        "notes": found["notes"],
        **count_voted(catalogue),
        **summarise_controls(controls),
        "confidence": count_confidence(catalogue, controls["confidence"]),
        "controls": controls,
        "stability": found["stability"],
        **count_classes(catalogue),
        "calibration": found["calibration"],
        "labels": found["labels"],
        "injection": found["injection"],
        "has_psf": has_psf(config.get("fields", {}).get(field, {})),
        "flags": count_flags(catalogue["FLAGS"], flags.FLAGS),
        "measure_flags": count_flags(catalogue["MEASURE_FLAG"], flags.MEASURE_FLAGS),
        "rejections": count_rejections(catalogue),
        **summarise_names(catalogue, names),
        "trends": {
            column.lower(): diagnostics.rank_trend(catalogue["CLASS"], catalogue[column])
            for column in diagnostics.MEASURED
        },
        "separation": found["separation"],
        "confounders": found["confounders"],
        "not_drawn": find_missing(sources),
        **{key: found[key] for key in ("encoder", "model", "shift", "timings")},
        **count_bands(catalogue, found["bands"], config.get("fields", {}).get(field, {})),
        "versions": run_versions(),
        "config": config,
    }
    return plain(numbers)


def has_psf(field: dict) -> bool:
    """Whether a field, as the config has it, or one of its bands has a PSF."""
    return any({"psf", "simulate"} & set(one) for one in (field, *field.get("bands", {}).values()))


def count_voted(catalogue: Table) -> dict:
    """How many sources are selected, take part in the vote, are doubtful there, and are kept.

    `kept_by_snr` has the rows of `diagnostics.kept_by_snr`, the faintest galaxies first.
    """
    flag = np.asarray(catalogue["FLAGS"])
    voted = in_vote(flag)
    kept = int((np.asarray(catalogue["KEPT"], dtype=bool) & voted).sum())
    fraction, low, high = fraction_interval(kept, int(voted.sum()))
    snr = np.where(voted, np.asarray(catalogue["SNR"], dtype=float), np.nan)
    bins = diagnostics.kept_by_snr(snr, np.asarray(catalogue["KEPT"]))
    return {
        "selected": int(((flag & flags.NOT_SELECTED) == 0).sum()),
        "voted": int(voted.sum()),
        "repeated": int(voted.sum()) - len(np.unique(np.asarray(catalogue["ID"])[voted])),
        "off_centre": int((voted & ((flag & flags.OFF_CENTRE) != 0)).sum()),
        "kept": kept,
        "kept_fraction": fraction,
        "kept_interval": [low, high],
        "kept_by_snr": [dict(zip(bins.colnames, row, strict=True)) for row in bins],
    }


def summarise_controls(controls: dict) -> dict:
    """The main numbers of the controls, all from samples of one size, so that ratios are fair."""
    return {
        "sample_kept_fraction": controls["data"]["mean"],
        "null_kept_fraction": controls["null"]["mean"],
        "null_interval": [controls["null"]["low"], controls["null"]["high"]],
        "ratio_to_null": controls["ratio"]["value"],
        "ratio_interval": [controls["ratio"]["low"], controls["ratio"]["high"]],
        "voter_ari": controls["voter_ari"],
        "seed_ari": controls["seed_ari"],
        "algorithms_ari": controls["algorithms_ari"],
        "algorithms_distinct": controls["algorithms"],
    }


def count_classes(catalogue: Table) -> dict:
    """Galaxies of each class, of all and of the kept; origins of classes; reasons for none."""
    kept = np.asarray(catalogue["KEPT"], dtype=bool) & in_vote(np.asarray(catalogue["FLAGS"]))
    return {
        "classes": count_values(catalogue["CLASS"]),
        "classes_kept": count_values(np.asarray(catalogue["CLASS"])[kept]),
        "origins": count_values(catalogue["CLASS_ORIGIN"]),
        "far_from_anchors": int(
            ((np.asarray(catalogue["FLAGS"]) & flags.FAR_FROM_ANCHORS) > 0).sum()
        ),
        "unclassified": count_reasons(catalogue),
    }


def summarise_names(catalogue: Table, names: dict) -> dict:
    """The groups one by one, and who named them."""
    groups = summarise_groups(catalogue, names)
    return {
        "groups": groups,
        "groups_used": sum(group["galaxies"] > 0 for group in groups),
        "names_origin": str(names.get("origin", "")),
        "naming": {key: names.get(key) for key in ("source", "who", "when", "note", "matching")}
        | {"joined": count_marks(names, "merge"), "split": count_marks(names, "split")},
    }


def count_confidence(catalogue: Table, confidence: dict) -> dict:
    """Galaxies left by cuts at some values of VOTE_CONFIDENCE.

    Parameters
    ----------
    catalogue : Table
    confidence : dict
        Of the controls, as `confidence.describe_cuts` gives it.

    Returns
    -------
    dict
        null_share and at_agreement of the controls; cuts: confidence -> galaxies that reach it.
        With a frozen model, galaxies have its confidence and not that of these controls.
    """
    voted = in_vote(np.asarray(catalogue["FLAGS"]))
    values = np.nan_to_num(np.asarray(catalogue["VOTE_CONFIDENCE"], dtype=float))[voted]
    # The column is float32: its 0.9 may be slightly below 0.9.
    cuts = {cut: int((values >= float(cut) - 1e-6).sum()) for cut in confidence["cuts"]}
    return {
        "null_share": confidence["null_share"],
        "at_agreement": confidence["at_agreement"],
        "cuts": cuts,
    }


def count_values(values: np.ndarray) -> dict[str, int]:
    """How often each text occurs: classes in their order, others alphabetically."""
    values = np.asarray(values, dtype=str)
    found, counts = np.unique(values, return_counts=True)
    count = dict(zip(found.tolist(), counts.tolist(), strict=True))
    order = order_names(values)
    result = {name: count.pop(name) for name in order}
    rest = sum(count.values())
    return result | ({"none": rest} if rest else {})


def count_reasons(catalogue: Table) -> dict[str, int]:
    """Galaxies without a class, by the reason for it."""
    reason = np.asarray(catalogue["CLASS_REASON"], dtype=str)
    return {
        name: int((reason == name).sum()) for name in REASONS if name and (reason == name).any()
    }


def count_flags(flag: np.ndarray, bits: dict[str, tuple[int, str]]) -> dict[str, int]:
    """Sources with each bit of a column of flags; a source may have several, and none if -1."""
    flag = np.maximum(np.asarray(flag), 0)
    return {name: int(((flag & bit) != 0).sum()) for name, (bit, _) in bits.items()}


def count_rejections(catalogue: Table) -> dict:
    """Why sources are not kept.

    Parameters
    ----------
    catalogue : Table

    Returns
    -------
    dict
        `not_selected`, `no_data` and `voters_disagree`, which add up to the sources not kept;
        and `disagree_flags`: of those on which the voters disagree, how many have each of the
        other flags (a source may have several, or none).
    """
    flag = np.asarray(catalogue["FLAGS"])
    voted = in_vote(flag)
    kept = np.asarray(catalogue["KEPT"], dtype=bool) & voted
    not_selected = (flag & flags.NOT_SELECTED) != 0
    disagree = voted & ~kept
    others = {
        name: int((((flag & bit) != 0) & disagree).sum())
        for name, (bit, _) in flags.FLAGS.items()
        if bit not in (flags.NOT_SELECTED, flags.NO_DATA)
    }
    return {
        "not_selected": int(not_selected.sum()),
        "no_data": int((~voted & ~not_selected).sum()),
        "voters_disagree": int(disagree.sum()),
        "disagree_flags": others,
    }


def summarise_groups(catalogue: Table, names: dict) -> list[dict]:
    """Size, kept fraction, class and measured medians of every group, by class.

    Medians of measurements are of the same galaxies as in `suggestion.suggest_names`: the kept
    members, or all if fewer than three are kept, without bad measurements and without galaxies that
    reach beyond their cutouts. The median vote fraction
    is of all members.

    Parameters
    ----------
    catalogue : Table
        As `read_catalogue` returns it.
    names : dict
        The groups' names: names.yaml.
    """
    group = np.asarray(catalogue["GROUP"])
    kept = np.asarray(catalogue["KEPT"], dtype=bool)
    beyond = reaches_beyond(catalogue["MEASURE_FLAG"])
    named = {int(number): entry for number, entry in names["groups"].items()}
    rows = []
    for number in sorted(set(named) | set(np.unique(group[group >= 0]).tolist())):
        members = group == number
        core = choose_core(members, kept, beyond)
        entry = named.get(number, {})
        row = {
            "group": number,
            "class": str(entry.get("class", "")),
            "reason": str(entry.get("reason") or ""),
            "anchors": entry.get("anchors"),
            "purity": entry.get("purity"),
            "weak": is_weak(entry) and names.get("origin") != "file",
            "medians_say": entry.get("medians_say"),
            "galaxies": int(members.sum()),
            "kept": int((members & kept).sum()),
            "measured": int((core & np.isfinite(catalogue["GINI"])).sum()),
            "vote_fraction": median_interval(catalogue["VOTE_FRACTION"][members])[0],
        }
        for column in (*diagnostics.MEASURED, "SNR"):
            row[column.lower()] = median_interval(catalogue[column][core])[0]
        rows.append(row)
    order = order_names(row["class"] for row in rows)
    place = {name: i for i, name in enumerate(order)}
    return sorted(rows, key=lambda row: (place.get(row["class"], len(order)), -row["galaxies"]))


def count_marks(names: dict, mark: str) -> int:
    """Number of groups in a file of names with a mark: "merge" or "split"."""
    return sum(mark in entry for entry in names["groups"].values())


def read_benchmarks(folder: str | Path) -> list[dict]:
    """Add up Snakemake's benchmark files, one row a rule, the longest first.

    Parameters
    ----------
    folder : str or Path
        With <rule>.tsv or <rule>/<shard>.tsv; may be empty or missing.

    Returns
    -------
    list of dict
        rule, jobs, seconds (wall clock, all jobs together), longest (seconds of the longest
        job), memory (MB, the largest resident set of a job; NaN where none was measured).
    """
    jobs: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(Path(folder).rglob("*.tsv")):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                jobs.setdefault(rule, []).append((_number(row, "s"), _number(row, "max_rss")))
    rows = []
    for rule, pairs in jobs.items():
        seconds, memory = np.array(pairs).T
        rows.append(
            {
                "rule": rule,
                "jobs": len(pairs),
                "seconds": float(np.nansum(seconds)),
                "longest": float(np.fmax.reduce(seconds)),
                "memory": float(np.fmax.reduce(memory)),
            }
        )
    return sorted(rows, key=lambda row: (-row["seconds"], row["rule"]))


def _number(row: dict, key: str) -> float:
    try:
        return float(row[key])
    except (KeyError, TypeError, ValueError):
        # Snakemake writes NA or - for jobs too short to be measured.
        return np.nan


def run_versions() -> dict[str, str]:
    """Versions of this project, of Python and of the packages on which numbers may depend."""
    found = {"morphovote": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_summary(numbers: dict, path: str | Path) -> None:
    """Write the summary as JSON, whole or not at all."""
    write_json(path, numbers, ensure_ascii=False, allow_nan=False)


def plain(value):
    """The same value for JSON: numpy numbers as Python's, NaN and infinities as None."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
