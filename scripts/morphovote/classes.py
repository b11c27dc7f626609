"""Names of the groups: from a file of the user's, or suggested from what was measured.

A file of names is YAML:

    groups:             # every group's class, in either of two forms
      0: SPH
      1: {class: LTD, reason: spiral arms in most of them}
    who: A. Astronomer  # optional, as are `when` and `note`
    voters: 1f0c...     # optional: the vote that the group numbers belong to

What `suggest_names` writes has the same form, so it can be edited and given back.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from morphovote.errors import InputError
from morphovote.flags import BAD, FAILED, LOW_SNR, NO_SERSIC, PSF_LIMITED, SERSIC_SUSPECT
from morphovote.logs import log
from morphovote.shards import concatenate, read_attributes, read_shard

CLASSES = {
    "SPH": "spheroid: smooth, round to elliptical, concentrated",
    "ETD": "early-type disc: a disc with a marked bulge",
    "LTD": "late-type disc: a disc, often with arms, with little or no bulge",
    "IRR": "irregular: clumpy, disturbed or merging",
    "UNC": "unclassifiable: too faint, too small or too damaged to tell",
}
# From the Sersic fit, and from the pixels themselves: each has its own marks of a bad measurement.
SERSIC = ("sersic_n", "axis_ratio", "r_e")
PIXELS = ("concentration", "gini", "m20", "asymmetry", "smoothness")
MEASURED = SERSIC + PIXELS
KEYS = ("groups", "who", "when", "note", "voters", "origin", "source")
# Below this S/N inside the segment, structure cannot be told from noise.
LEAST_SNR = 15.0
# A group is unclassifiable if more than this share of it is too faint, too small or unmeasured.
MOST_BAD = 0.5
# Fewest measured members for medians.
FEWEST = 3


def read_names(path: str | Path, groups: int, voters: str | None = None) -> dict[int, dict]:
    """Read and check a file of names.

    Parameters
    ----------
    path : str or Path
    groups : int
        Number of groups of the vote.
    voters : str, optional
        The vote's name; a file that names another vote is refused.

    Returns
    -------
    dict
        Group number -> {"class", "reason"}; groups that the file leaves out are "UNC".

    Raises
    ------
    InputError
        If the file is unreadable, or has an unknown key, group or class.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable YAML file ({reason}).") from error
    if not isinstance(content, dict) or not isinstance(content.get("groups"), dict):
        raise InputError(
            f"{path}: has no table 'groups'. Expected 'groups:' and under it one line a group, "
            "such as '  0: SPH'."
        )
    unknown = [str(key) for key in content if key not in KEYS]
    if unknown:
        raise InputError(
            f"{path}: unknown key {', '.join(unknown)}, expected some of {', '.join(KEYS)}."
        )
    if voters and content.get("voters", voters) != voters:
        raise InputError(
            f"{path}: 'voters' is {content['voters']}, but the groups come from vote {voters}: "
            "its numbers mean other groups.\nUse the model that the names were made for, or look "
            "at the groups again and remove 'voters'."
        )
    names = {}
    for number, entry in content["groups"].items():
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < groups:
            raise InputError(
                f"{path}: group {number!r} in 'groups', expected numbers from 0 to {groups - 1}."
            )
        entry = entry if isinstance(entry, dict) else {"class": entry}
        if entry.get("class") not in CLASSES:
            raise InputError(
                f"{path}: class {entry.get('class')!r} of group {number}, expected one of "
                f"{', '.join(CLASSES)}."
            )
        reason = str(entry.get("reason") or "named in the file of names")
        names[number] = {"class": entry["class"], "reason": reason}
    missing = [number for number in range(groups) if number not in names]
    if missing:
        log.info(
            "%s names no class for group %s: UNC",
            path,
            ", ".join(str(number) for number in missing),
        )
    for number in missing:
        names[number] = {"class": "UNC", "reason": "left out of the file of names"}
    return dict(sorted(names.items()))


def suggest_class(medians: dict[str, float]) -> tuple[str, str]:
    """Suggest a class for a group from the medians of its members.

    In this order: a disturbed shape by Gini-M20 (Lotz et al. 2008, eq. 4: G > -0.14 M20 + 0.33)
    or by asymmetry (Conselice 2003: A > 0.35 and A > S) is IRR. Then evidence for a bulge is
    counted: n (2.5 parts bulge from disc, Blanton et al. 2003; 1.5 is half way to the
    exponential n = 1), C (4.15, 3.5 and 3.0 lie half way between the means of E, Sa-Sb, Sc-Sd and
    Irr in Conselice 2003, table 6), and the E/S0/Sa side of Gini-M20 (Lotz et al. 2008, eq. 5:
    G > 0.14 M20 + 0.80). An E flatter than E7 is none: an axis ratio below 0.4 makes SPH to ETD.
    Late discs with A > 0.2 are IRR (half way from Sc-Sd to starbursts, ibid.).

    Parameters
    ----------
    medians : dict of float
        Of `MEASURED`; NaN where unknown.

    Returns
    -------
    name, reason : str, str
    """
    n, concentration = medians["sersic_n"], medians["concentration"]
    gini, m20 = medians["gini"], medians["m20"]
    asymmetry, smoothness = medians["asymmetry"], medians["smoothness"]
    if gini > -0.14 * m20 + 0.33:
        return "IRR", f"Gini {gini:.2f} and M20 {m20:.2f} on the merger side (Lotz+2008)"
    if asymmetry > 0.35 and asymmetry > smoothness:
        return "IRR", f"asymmetry {asymmetry:.2f} above 0.35 (Conselice 2003)"
    marks, words = [], []
    if np.isfinite(n):
        marks.append(2 if n >= 2.5 else 1 if n >= 1.5 else 0)
        words.append(f"n {n:.1f}")
    if np.isfinite(concentration):
        marks.append(2 if concentration >= 4.15 else 1 if concentration >= 3.5 else 0)
        words.append(f"C {concentration:.1f}")
    if np.isfinite(gini) and np.isfinite(m20):
        early = gini > 0.14 * m20 + 0.80
        marks.append(2 if early else 0)
        words.append(f"Gini-M20 on the {'E/S0/Sa' if early else 'Sb-Irr'} side")
    if not marks:
        return "UNC", "nothing measured"
    bulge, reason = float(np.mean(marks)), ", ".join(words)
    if bulge > 1.5:
        if medians["axis_ratio"] < 0.4:
            return "ETD", f"{reason}; axis ratio {medians['axis_ratio']:.2f} too flat for SPH"
        return "SPH", reason
    if bulge >= 0.5:
        return "ETD", reason
    if asymmetry > 0.2:
        return "IRR", f"{reason}; asymmetry {asymmetry:.2f} above 0.20"
    return "LTD", reason


def suggest_names(
    group: np.ndarray,
    kept: np.ndarray,
    groups: int,
    measured: dict[str, np.ndarray],
    snr: np.ndarray,
    flags: np.ndarray,
) -> dict[int, dict]:
    """Suggest a class for every group.

    Parameters
    ----------
    group : ndarray of int, shape (N,)
    kept : ndarray of bool, shape (N,)
        Medians are over kept members, or over all where fewer than three are kept.
    groups : int
    measured : dict of ndarray, shape (N,)
        `MEASURED`; r_e in arcsec. NaN where not measured, or not well.
    snr : ndarray, shape (N,)
    flags : ndarray of int, shape (N,)
        Bits of `flags.FLAGS`.

    Returns
    -------
    dict
        Group number -> {"class", "reason", "galaxies", "kept", "measured", "medians"}.
    """
    names = {}
    for number in range(groups):
        member = group == number
        core = member & kept
        use = core if core.sum() >= FEWEST else member
        entry: dict = {"galaxies": int(member.sum()), "kept": int(core.sum())}
        names[number] = entry
        if not use.any():
            entry |= {"class": "UNC", "reason": "no members"}
            continue
        signal = float(np.nanmedian(snr[use])) if np.isfinite(snr[use]).any() else np.nan
        sound = use & np.isfinite(measured["gini"])
        values = {"snr": signal} | {name: _median(measured[name][use]) for name in MEASURED}
        entry |= {"measured": int(sound.sum())}
        shares = {
            "with low S/N": np.mean((flags[use] & LOW_SNR) > 0),
            "hardly larger than the PSF": np.mean((flags[use] & PSF_LIMITED) > 0),
            "without a good measurement": 1 - sound.sum() / use.sum(),
        }
        worst = max(shares, key=shares.get)
        if signal < LEAST_SNR:
            name, reason = "UNC", f"median S/N {signal:.0f} below {LEAST_SNR:.0f}"
        elif shares[worst] > MOST_BAD:
            name, reason = "UNC", f"{100 * shares[worst]:.0f} % of members {worst}"
        elif sound.sum() < FEWEST:
            name, reason = "UNC", f"{sound.sum()} members measured"
        else:
            name, reason = suggest_class(values)
        entry |= {"class": name, "reason": reason}
        entry["medians"] = {
            key: round(value, 3) for key, value in values.items() if np.isfinite(value)
        }
    return names


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan


def trusted(shape: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`MEASURED` with NaN wherever `measure_flag` says that the value is bad."""
    bad = {
        **dict.fromkeys(SERSIC, FAILED | NO_SERSIC | SERSIC_SUSPECT),
        **dict.fromkeys(PIXELS, FAILED | BAD),
    }
    flag = shape["measure_flag"]
    return {name: np.where(flag & bad[name], np.nan, shape[name]) for name in MEASURED}


def align_rows(rows: np.ndarray, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Bring arrays with their own `row` into the order of `rows`; NaN or 0 where there is none."""
    order = np.argsort(arrays["row"], kind="stable")
    place = np.searchsorted(arrays["row"][order], rows)
    place = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(len(rows), int)
    there = arrays["row"][place] == rows if len(order) else np.zeros(len(rows), bool)
    result = {}
    for name, values in arrays.items():
        if name != "row":
            empty = np.nan if values.dtype.kind == "f" else 0
            result[name] = np.where(there, values[place] if len(order) else empty, empty)
    return result


def name_groups_file(
    votes: str | Path,
    measurements: Sequence[str | Path],
    cutouts: Sequence[str | Path],
    output: str | Path,
    names: str | Path | None = None,
) -> None:
    """Write the names of a vote's groups: from the user's file, else suggested.

    Parameters
    ----------
    votes : path
    measurements, cutouts : sequence of path
        All shards.
    output : path
        YAML: origin ("file" or "suggestion"), source, voters, groups.
    names : path, optional
        The user's file.

    Raises
    ------
    InputError
        See `read_names`.
    """
    attributes = read_attributes(votes)
    groups, voters = int(attributes["groups"]), str(attributes["voters"])
    if names is not None:
        named = read_names(names, groups, voters)
        content = {"origin": "file", "source": str(names)}
    else:
        vote = read_shard(votes, ["row", "group", "kept"])
        columns = ["row", "measure_flag", "flags", *MEASURED]
        shape = align_rows(vote["row"], concatenate(measurements, columns))
        light = align_rows(vote["row"], concatenate(cutouts, ["row", "snr", "flags"]))
        named = suggest_names(
            vote["group"],
            vote["kept"],
            groups,
            trusted(shape),
            light["snr"],
            light["flags"] | shape["flags"],
        )
        content = {"origin": "suggestion", "source": "measured medians of each group"}
    for number, entry in named.items():
        log.info("group %d: %s (%s)", number, entry["class"], entry["reason"])
    write_yaml(output, content | {"voters": voters, "groups": named})


def write_yaml(path: str | Path, content: dict) -> None:
    """Write YAML, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
