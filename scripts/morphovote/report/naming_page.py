"""The naming page: every group in pictures and numbers, and a form to name them.

One HTML file that needs no server and loads no other file. Text from catalogues and users reaches
the page as JSON and is only ever set as text; a content security policy allows no script but the
page's own.
"""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.table import Table
from PIL import Image

from morphovote.catalogue.reading import read_columns
from morphovote.classify.classes import CLASSES, class_style, order_names
from morphovote.groups.by_anchors import is_weak
from morphovote.groups.names import NO_MATCH, NOT_NAMED
from morphovote.groups.regrouping import FEWEST_IN_PART
from morphovote.groups.suggestion import choose_core
from morphovote.measure.quality import MEASURED, reaches_beyond, trusted
from morphovote.report import diagnostics
from morphovote.report.pages import fill_page
from morphovote.report.stamps import fit_side, shrink, stretch

# Members of each kind that are shown of a group.
SHOWN = 8
KINDS = ("typical", "random", "doubtful")
# Largest side of a picture in pixels, and JPEG quality: 960 pictures take 3 MB.
SIDE, QUALITY = 96, 82
# Name, unit, digits, and whether it is shown on a logarithmic scale.
QUANTITIES = {
    "SERSIC_N": ("Sérsic n", "", 2, True),
    "R_E": ("r\N{LATIN SUBSCRIPT SMALL LETTER E}", "″", 2, True),
    "CONCENTRATION": ("C", "", 2, False),
    "ASYMMETRY": ("A", "", 2, False),
    "GINI": ("Gini", "", 2, False),
    "M20": ("M\N{SUBSCRIPT TWO}\N{SUBSCRIPT ZERO}", "", 2, False),
    "AXIS_RATIO": ("axis ratio", "", 2, False),
    "SNR": ("S/N", "", 1, True),
    "MAG": ("magnitude", "", 1, False),
}
SHARES = (5, 16, 50, 84, 95)


def read_members(catalogue: str | Path, sources: str | Path) -> Table:
    """Columns that the page shows of each source; measurements flagged as bad are NaN.

    Parameters
    ----------
    catalogue, sources : path
        catalogue.fits and sources.fits of a field, which have the same rows.
    """
    columns = [name.upper() for name in MEASURED]
    first = ("ID", "GROUP", "GROUP_SECOND", "VOTE_FRACTION", "KEPT", "SNR", "MEASURE_FLAG")
    table = read_columns(catalogue, [*first, *columns])
    shape = {name: np.asarray(table[name.upper()], dtype=float) for name in MEASURED}
    shape["measure_flag"] = np.asarray(table["MEASURE_FLAG"])
    for name, values in trusted(shape).items():
        table[name.upper()] = values
    table["MAG"] = read_columns(sources, ["MAG"])["MAG"]
    return table


def choose_members(members: Table, distance: np.ndarray, groups: int) -> dict[int, np.ndarray]:
    """Rows to show of each group.

    Parameters
    ----------
    members : Table
        From `read_members`.
    distance : ndarray, shape (N,)
        Of each galaxy from its nearest reference galaxies.
    groups : int

    Returns
    -------
    dict of ndarray, shape (3, SHOWN)
        Most typical, random (the same in every run) and most doubtful members, padded with -1; no
        member is both typical and doubtful.
    """
    group = np.asarray(members["GROUP"])
    share = np.asarray(members["VOTE_FRACTION"], dtype=float)
    chosen = {}
    for number in range(groups):
        rows = np.flatnonzero(group == number)
        table = np.full((len(KINDS), SHOWN), -1)
        if len(rows):
            typical, doubtful = diagnostics.select_members(
                share[rows], distance[rows], SHOWN, SHOWN
            )
            rng = np.random.default_rng(number)
            size = min(SHOWN, len(rows))
            random = rng.choice(len(rows), size, replace=False)
            for line, places in enumerate((typical, random, doubtful)):
                table[line, : len(places)] = rows[places]
        chosen[number] = table
    return chosen


def draw_sprite(
    rows: np.ndarray,
    cutouts: dict[int, np.ndarray],
    denoised: dict[int, np.ndarray],
    rms: dict[int, np.ndarray],
) -> str:
    """All pictures of a group in one image: for each kind, a row of data above a row of denoised.

    Parameters
    ----------
    rows : ndarray of int, shape (3, SHOWN)
    cutouts, denoised, rms : dict of ndarray, shape (S, S)
        By row of the catalogue.

    Returns
    -------
    str
        Data URI of a grey JPEG; both pictures of a galaxy have one asinh stretch, dark on white.
    """
    wide = max((len(image) for image in cutouts.values()), default=SIDE)
    side = fit_side(wide, SIDE)
    sheet = Image.new("L", (rows.shape[1] * side, 2 * rows.shape[0] * side), 255)
    for line, column in np.argwhere(rows >= 0):
        row = int(rows[line, column])
        if row not in cutouts or row not in denoised:
            continue
        sky = float(np.nanmedian(rms[row])) if np.isfinite(rms[row]).any() else 0.0
        bright = float(np.nan_to_num(np.nanpercentile(cutouts[row], 99.9)))
        for half, image in enumerate((cutouts[row], denoised[row])):
            grey = stretch(np.nan_to_num(image.astype(float)), sky, bright)
            # Row 0 of the array is the bottom of the image.
            picture = Image.fromarray(shrink(np.uint8(np.rint(255 * (1 - grey[::-1]))), side))
            sheet.paste(picture, (int(column) * side, (2 * int(line) + half) * side))
    stream = io.BytesIO()
    sheet.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def page_data(
    field: str,
    members: Table,
    chosen: dict[int, np.ndarray],
    names: dict,
    marked: Sequence[dict] = (),
) -> dict:
    """All that the page contains, except the pictures.

    Parameters
    ----------
    field : str
    members : Table
        From `read_members`.
    chosen : dict of ndarray
        From `choose_members`.
    names : dict
        The groups' names: names.yaml.
    marked : sequence of dict
        Groups that one quantity alone separates from the others: `marked` of
        `confounders.summarise_audit`.

    Returns
    -------
    dict
        For JSON: no NaN.
    """
    entries = names["groups"]
    group = np.asarray(members["GROUP"])
    parts = {part for entry in entries.values() for part in entry.get("split", ())}
    own = names.get("classes") or {}
    is_file = names.get("origin") == "file"
    return {
        "field": field,
        "voters": names.get("voters"),
        "regrouped": names.get("regrouped", names.get("voters")),
        "pca": names.get("pca"),
        "fitted": int(names.get("fitted", len(set(entries) - parts))),
        "centres": {str(n): list(row) for n, row in (names.get("centres") or {}).items()},
        "who": str(names.get("who") or ""),
        "note": str(names.get("note") or ""),
        "isFile": is_file,
        "classes": _classes(own),
        "spare": [class_style(f"own{i}", [f"own{j}" for j in range(4)])[0] for i in range(4)],
        "quantities": [
            {"key": key, "name": name, "unit": unit, "digits": digits, "log": log,
             "sample": _spread(members[key][group >= 0], SHARES)}
            for key, (name, unit, digits, log) in QUANTITIES.items()
        ],
        "fewest": FEWEST_IN_PART,
        "shown": SHOWN,
        "groups": [
            _describe_group(
                number, rows, entries.get(number, {}), members, is_file,
                [row["text"] for row in marked if row["group"] == number],
            )
            for number, rows in chosen.items()
        ],
    }  # fmt: skip


def _classes(own: dict) -> list[dict]:
    """All classes to choose from: meaning, colour, and whether it is the user's own."""
    order = order_names([*CLASSES, *own])
    return [
        {
            "name": name,
            "meaning": CLASSES[name].meaning if name in CLASSES else str(own.get(name, "")),
            "colour": class_style(name, order)[0],
            "own": name not in CLASSES,
        }
        for name in order
    ]


def _describe_group(
    number: int, rows: np.ndarray, entry: dict, members: Table, is_file: bool, alone: list[str]
) -> dict:
    """One group on the page: its size, vote, class, medians, and the galaxies shown."""
    here = np.asarray(members["GROUP"]) == number
    kept = np.asarray(members["KEPT"], dtype=bool)
    share = np.asarray(members["VOTE_FRACTION"], dtype=float)
    # The members from which the class is suggested.
    core = choose_core(here, kept, reaches_beyond(members["MEASURE_FLAG"]))
    unnamed = entry.get("class") == "UNC" and entry.get("reason") in (NOT_NAMED, NO_MATCH)
    gone = "merge" in entry or "split" in entry
    return {
        "number": number,
        "galaxies": int(here.sum()),
        "kept": int((here & kept).sum()),
        "vote": _number(np.nanmedian(share[here])) if here.any() else None,
        "suggested": str(entry.get("suggested", entry.get("class", ""))),
        "because": str(entry.get("because", entry.get("reason", ""))),
        "weak": is_weak(entry),
        "class": entry.get("class") if is_file and not unnamed and not gone else None,
        "note": str(entry.get("note", "")),
        "merge": entry.get("merge"),
        "split": entry.get("split"),
        "alone": alone,
        "unmatched": entry.get("reason") == NO_MATCH,
        "medians": {name: _spread(members[name][core], (16, 50, 84)) for name in QUANTITIES},
        "members": [[_member(members, row) for row in line if row >= 0] for line in rows],
    }


def _number(value: float, digits: int = 5) -> float | None:
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None


def _spread(values: np.ndarray, shares: Sequence[int]) -> list[float] | None:
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return [_number(x) for x in np.percentile(values, shares)] if len(values) else None


def _member(members: Table, row: int) -> dict:
    return {
        "id": str(members["ID"][row]),
        "mag": _number(float(members["MAG"][row])),
        "snr": _number(float(members["SNR"][row]), 3),
        "vote": _number(float(members["VOTE_FRACTION"][row]), 2),
        "second": int(members["GROUP_SECOND"][row]),
    }


def render_naming_page(
    template: str | Path,
    styles: Sequence[str | Path],
    scripts: Sequence[str | Path],
    data: dict,
    sprites: dict[int, str],
) -> str:
    """Fill the page's template.

    Parameters
    ----------
    template, styles, scripts : path, sequences of path
        Jinja2, CSS and JavaScript.
    data : dict
        From `page_data`.
    sprites : dict of str
        Data URI of each group's pictures.

    Returns
    -------
    str
        HTML that refers to no other file.
    """
    rules = [f".g{number}{{background-image:url({uri})}}" for number, uri in sprites.items()]
    return fill_page(template, styles, scripts, data, pictures="\n".join(rules))
