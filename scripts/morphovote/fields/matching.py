"""Cross-match of a source catalogue with another one, by position or by id."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table

from morphovote.config.resolve import PHYSICAL_PREFIX
from morphovote.errors import InputError
from morphovote.fields.role_columns import Given, id_texts, read_sky
from morphovote.logs import log

SEPARATION = f"{PHYSICAL_PREFIX}SEPARATION"
# The chance of a wrong match is that of positions moved this far, in units of the radius.
SHIFT = 10.0


def match_positions(
    ra: np.ndarray, dec: np.ndarray, other_ra: np.ndarray, other_dec: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest row of another catalogue for each source; each row is given to one source only.

    Parameters
    ----------
    ra, dec : ndarray, shape (N,)
        Degrees; NaN where unknown.
    other_ra, other_dec : ndarray, shape (M,)
        Degrees; NaN where unknown.
    radius : float
        Largest separation, arcsec.

    Returns
    -------
    row : ndarray of int, shape (N,)
        Row of the other catalogue, -1 where none. Of several sources that share a nearest row the
        closest has it, and the others have none.
    separation : ndarray, shape (N,)
        Arcsec, NaN where there is no match.
    """
    row = np.full(len(ra), -1)
    separation = np.full(len(ra), np.nan)
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    others = np.flatnonzero(np.isfinite(other_ra) & np.isfinite(other_dec))
    if not len(known) or not len(others):
        return row, separation
    here = SkyCoord(ra[known], dec[known], unit="deg")
    there = SkyCoord(other_ra[others], other_dec[others], unit="deg")
    index, distance, _ = here.match_to_catalog_sky(there)
    distance = distance.arcsec
    # Closest first: np.unique keeps the first of each row.
    order = np.argsort(distance, kind="stable")
    order = order[distance[order] <= radius]
    _, first = np.unique(index[order], return_index=True)
    winners = order[first]
    row[known[winners]] = others[index[winners]]
    separation[known[winners]] = distance[winners]
    return row, separation


def match_ids(ids: np.ndarray, other_ids: np.ndarray) -> np.ndarray:
    """Row (N,) of another catalogue with the same id, -1 where none; ids are compared as text.

    A missing id (see `id_texts`) matches nothing, nor does a zero that several rows have.
    Where nothing matches, zeros before the numbers are no difference.

    Raises
    ------
    InputError
        If an id occurs twice in the other catalogue.
    """
    texts, others = id_texts(ids), id_texts(other_ids)
    row = _same_text(texts, others)
    if not (row >= 0).any():
        row = _same_text(_without_zeros(texts), _without_zeros(others))
    return row


def _same_text(texts: np.ndarray, others: np.ndarray) -> np.ndarray:
    unique, first, count = np.unique(others, return_index=True, return_counts=True)
    repeated = (count > 1) & ~np.isin(unique, ("", "0"))
    if repeated.any():
        raise InputError(
            f"id {unique[repeated][0]} stands in {count[repeated].max()} rows, expected one row an "
            "id. Match by position instead (leave `id` out), or correct the catalogue."
        )
    if not len(unique):
        return np.full(len(texts), -1)
    place = np.searchsorted(unique, texts).clip(max=len(unique) - 1)
    there = (unique[place] == texts) & (texts != "") & (count[place] == 1)
    return np.where(there, first[place], -1)


def _without_zeros(texts: np.ndarray) -> np.ndarray:
    return np.array([re.sub(r"^0+(?=\d+$)", "", text) for text in texts.tolist()], dtype=str)


def join(sources: Table, other: Table, row: np.ndarray, separation: np.ndarray | None) -> Table:
    """Source catalogue, unchanged, with the columns of its matches, masked where none."""
    joined = sources.copy(copy_data=False)
    found = row >= 0
    for name in other.colnames:
        column = other[name][np.where(found, row, 0)]
        lost = ~found.reshape(-1, *[1] * (column.ndim - 1))
        mask = lost | np.ma.getmaskarray(column)
        joined[PHYSICAL_PREFIX + name] = MaskedColumn(
            np.ma.getdata(column), mask=mask, unit=column.unit, description=column.description
        )
    if separation is not None:
        joined[SEPARATION] = MaskedColumn(
            separation,
            mask=~np.isfinite(separation),
            unit="arcsec",
            description="Distance to the match in the physical catalogue",
        )
    return joined


def describe_match(
    ra: np.ndarray,
    dec: np.ndarray,
    other_ra: np.ndarray,
    other_dec: np.ndarray,
    radius: float,
    row: np.ndarray,
    separation: np.ndarray,
) -> dict:
    """How good a match by position is.

    Returns
    -------
    dict
        `sources`, `matched`, `rate`; `chance_rate`, the rate after every position was moved by
        ten radii, in four directions; of the separations (arcsec) `median` and `largest`; and of
        the matches the median offsets `offset_ra` (times cos Dec) and `offset_dec` (arcsec).
    """
    found = row >= 0
    step = SHIFT * radius / 3600
    chance = []
    for east, north in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        cosine = np.cos(np.radians(dec)).clip(min=1e-6)
        moved = ra + east * step / cosine, (dec + north * step).clip(-90, 90)
        chance.append((match_positions(*moved, other_ra, other_dec, radius)[0] >= 0).mean())
    result = {
        "sources": len(row),
        "matched": int(found.sum()),
        "rate": float(found.mean()),
        "chance_rate": float(np.mean(chance)),
        "radius": radius,
    }
    if found.any():
        cosine = np.cos(np.radians(dec[found]))
        # The shorter way round, where RA is near 0.
        to_ra = (other_ra[row[found]] - ra[found] + 180) % 360 - 180
        to_ra *= cosine * 3600
        to_dec = (other_dec[row[found]] - dec[found]) * 3600
        result |= {
            "median": float(np.median(separation[found])),
            "largest": float(separation[found].max()),
            "offset_ra": float(np.median(to_ra)),
            "offset_dec": float(np.median(to_dec)),
        }
    return result


def match_catalogues(
    sources: Table,
    positions: dict,
    other: Table,
    columns: dict,
    radius: float,
    path: str | Path,
    missing: Sequence[float] = (),
) -> tuple[Table, dict]:
    """Join a source catalogue with a physical one.

    Parameters
    ----------
    sources : Table
        N rows.
    positions : dict
        `id`, `ra`, `dec` of the sources, arrays of shape (N,); `ra` and `dec` may be missing.
    other : Table
        The physical catalogue.
    columns : dict
        Columns of `other`: `ra` and `dec`, or `id`.
    radius : float
        Largest separation, arcsec.
    path : str or Path
        Of the physical catalogue, for messages.
    missing : sequence of float
        Values that mean in `other` that there is none.

    Returns
    -------
    joined : Table
        N rows: the source catalogue, the matches' columns with the prefix `PHYS_`, and
        `PHYS_SEPARATION` (arcsec) where matched by position.
    about : dict
        See `describe_match`.

    Raises
    ------
    InputError
        If there are no positions or ids to match by, or nothing matches.
    """
    absent = [name for name in columns.values() if name not in other.colnames]
    if absent:
        raise InputError(
            f"{path}: no column '{absent[0]}'. It has: {', '.join(other.colnames[:30])}.\n"
            "Correct the field's `physical.columns`."
        )
    if "id" in columns:
        row = match_ids(positions["id"], other[columns["id"]])
        matched = row >= 0
        about = {"sources": len(row), "matched": int(matched.sum()), "rate": float(matched.mean())}
        joined = join(sources, other, row, None)
    else:
        ra, dec = (positions.get(name) for name in ("ra", "dec"))
        if ra is None or dec is None:
            raise InputError(
                f"{path}: the field's sources have no RA and Dec to match by.\n"
                "Name their columns, or match by id (`physical.columns: {id: ...}`)."
            )
        there = read_sky(Given(path, other, columns, tuple(missing)))
        row, separation = match_positions(ra, dec, *there, radius)
        about = describe_match(ra, dec, *there, radius, row, separation)
        joined = join(sources, other, row, separation)
    if not about["matched"]:
        raise InputError(
            f"{path}: none of the {len(sources)} sources has a match in its {len(other)} rows.\n"
            "Is it another field's catalogue, or are `physical.columns` or `radius` wrong?"
        )
    log.info("%d of %d sources have a match (%.1f %%)", about["matched"], len(sources),
             100 * about["rate"])  # fmt: skip
    if about.get("chance_rate", 0) > 0.1:
        log.warning(
            "%s: positions moved by %g arcsec still match in %.0f %% of cases: many matches are "
            "by chance. Take a smaller radius.", path, SHIFT * radius, 100 * about["chance_rate"],
        )  # fmt: skip
    return joined, about
