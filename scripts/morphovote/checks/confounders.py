"""How well single quantities, such as magnitude, size or position, predict a galaxy's group."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from astropy.table import Table

from morphovote.catalogue.reading import read_bands, read_columns
from morphovote.checks.class_tests import LEVEL, holm
from morphovote.fields.images import open_image
from morphovote.fields.planes import plane_shape
from morphovote.flags import OWN
from morphovote.measure.quality import MEASURED, trusted
from morphovote.storage import shards
from morphovote.storage.rows import align_rows

# Quantity -> its name, unit, and the period of an angle.
QUANTITIES = {
    "magnitude": ("magnitude", "AB mag", None),
    "size": ("half-light radius", "arcsec", None),
    "axis_ratio": ("axis ratio", "", None),
    "position_angle": ("position angle", "deg", 180.0),
    "snr": ("signal-to-noise ratio", "", None),
    "neighbours": ("neighbours in the cutout", "number", None),
    "edge_distance": ("distance to the image's edge", "px", None),
    "image": ("image, with its PSF and depth", "number", None),
    # Of fields with several bands, where a group may be a redshift seen through one band's PSF.
    "band": ("band, with its PSF and depth", "number", None),
    "redshift": ("redshift", "", None),
}
# These are not properties of the galaxy: groups should not depend on them at all.
FOREIGN = ("position_angle", "neighbours", "edge_distance", "image", "band")
# Most galaxies, drawn at random.
SAMPLE = 5000
PERMUTATIONS = 200
# A group is marked if its AUC for one quantity reaches LIMIT, and the interval lies above LOWER.
LIMIT, LOWER = 0.9, 0.8
# Fewest members of a group for its AUC.
FEWEST_IN_GROUP = 10

OVERALL = ("quantity", "galaxies", "groups", "balanced_accuracy", "low", "high", "null",
           "null_high", "p", "p_holm", "verdict")  # fmt: skip
GROUPS = ("group", "quantity", "galaxies", "auc", "low", "high", "marked")


def neighbour_scores(
    values: np.ndarray, label: np.ndarray, count: int, period: float | None = None
) -> np.ndarray:
    """Score each group for each galaxy, from the galaxies nearest in one quantity.

    A galaxy's own label is left out, so this is a leave-one-out validation. The number of
    neighbours is that of the members of an average group, at least 10; all that are as near as the
    last one count as well.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        All finite.
    label : ndarray of int, shape (N,)
        Below `count`.
    count : int
        Number of groups.
    period : float, optional
        Of an angle: its ends are neighbours.

    Returns
    -------
    ndarray of float, shape (N, count)
        Share of each group's members among the neighbours.
    """
    size = len(values)
    half = max(10, round(size / count)) // 2
    order = np.argsort(values, kind="stable")
    ordered, labels = values[order], label[order]
    if period:
        half = min(half, (size - 1) // 2)
        parts = (ordered[-half:] - period, ordered, ordered[:half] + period)
        ordered = np.concatenate(parts) if half else ordered
        labels = np.concatenate([labels[-half:], labels, labels[:half]]) if half else labels
    # Equally far to both sides of all galaxies with the same value, so that ties are treated
    # alike; at the ends of the range the window keeps its width.
    start = np.searchsorted(ordered, values[order], side="left") - half
    start = np.clip(start, 0, max(len(ordered) - 2 * half - 1, 0))
    stop = np.searchsorted(ordered, values[order], side="right") + half
    stop = np.minimum(np.maximum(stop, start + 2 * half + 1), len(ordered))
    start = np.searchsorted(ordered, ordered[start], side="left")
    stop = np.searchsorted(ordered, ordered[stop - 1], side="right")
    up_to = np.zeros((len(ordered) + 1, count))
    up_to[1:] = np.cumsum(labels[:, None] == np.arange(count), axis=0)
    own = label[order][:, None] == np.arange(count)
    found = up_to[stop] - up_to[start] - own
    members = np.bincount(label, minlength=count) - own
    scores = np.empty((size, count))
    scores[order] = found / np.maximum(members, 1) / np.maximum(stop - start - 1, 1)[:, None]
    return scores


def balanced_accuracy(scores: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
    """Mean over the groups of the share of members whose own group scores best.

    Returns
    -------
    accuracy, low, high : float
        With the 95 % interval from the groups' binomial variances.
    """
    right = scores.argmax(axis=1) == label
    members = np.bincount(label)
    share = np.bincount(label, right)[members > 0] / members[members > 0]
    variance = (share * (1 - share) / members[members > 0]).sum() / len(share) ** 2
    accuracy, half = share.mean(), 1.96 * np.sqrt(variance)
    return float(accuracy), float(max(accuracy - half, 0)), float(min(accuracy + half, 1))


def auc_interval(score: np.ndarray, member: np.ndarray) -> tuple[float, float, float]:
    """Area under the ROC curve of a score, and its 95 % interval.

    The interval holds every area consistent with the observed one, given the standard error of
    Hanley & McNeil (1982, Radiology 143, 29) at that area. It stays within 0 and 1 and does not
    shrink to zero there (Newcombe 2006, Statistics in Medicine 25, 559).

    Parameters
    ----------
    score : ndarray of float, shape (N,)
    member : ndarray of bool, shape (N,)
    """
    first, second = score[member], np.sort(score[~member])
    m, n = len(first), len(second)
    below = np.searchsorted(second, first, side="left")
    equal = np.searchsorted(second, first, side="right") - below
    auc = float((below + 0.5 * equal).mean() / n)
    area = np.linspace(0, 1, 2001)
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (one - area**2) + (n - 1) * (two - area**2)
    possible = np.abs(area - auc) <= 1.96 * np.sqrt(np.maximum(variance, 0) / (m * n))
    inside = area[possible] if possible.any() else np.array([auc])
    return auc, float(min(inside[0], auc)), float(max(inside[-1], auc))


def audit_groups(
    values: Mapping[str, np.ndarray],
    group: np.ndarray,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> tuple[Table, Table]:
    """Test how well each quantity alone predicts the groups, and which groups it separates.

    Parameters
    ----------
    values : mapping of ndarray of float, shape (N,)
        By the names of `QUANTITIES`; NaN where unknown. A quantity that does not vary is left out.
    group : ndarray of int, shape (N,)
        -1 where none.
    seed : int
        For the sample and for the permutations.
    permutations : int
        With fewer than 200, no quantity of ten can be significant after Holm's correction.

    Returns
    -------
    overall : Table
        `OVERALL`, one row per quantity: leave-one-out balanced accuracy with its 95 % interval; its
        mean and 97.5th percentile over permutations of the group numbers; the p-value of the
        permutation test, and that p-value after Holm's correction for the number of quantities; and
        a verdict, 'more than chance' or 'no more than chance' (`LEVEL`).
    groups : Table
        `GROUPS`, one row per group and quantity: members with the quantity, area under the ROC
        curve of the group against the rest with its 95 % interval (NaN below `FEWEST_IN_GROUP`),
        and whether the group is marked: the area reaches `LIMIT`, and its interval lies above
        `LOWER`.
    """
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(group >= 0)
    if len(rows) > SAMPLE:
        rows = np.sort(rng.choice(rows, SAMPLE, replace=False))
    overall, single = [], []
    for quantity, (_, _, period) in QUANTITIES.items():
        value = np.asarray(values.get(quantity, np.full(len(group), np.nan)), dtype=float)
        use = rows[np.isfinite(value[rows])]
        found, label = np.unique(group[use], return_inverse=True)
        if len(found) < 2 or np.ptp(value[use]) == 0 or len(use) < 2 * FEWEST_IN_GROUP:
            continue
        scores = neighbour_scores(value[use], label, len(found), period)
        accuracy = balanced_accuracy(scores, label)
        null = np.empty(permutations)
        for i in range(permutations):
            mixed = rng.permutation(label)
            shuffled = neighbour_scores(value[use], mixed, len(found), period)
            null[i] = balanced_accuracy(shuffled, mixed)[0]
        chance = float(null.mean()), float(np.percentile(null, 97.5))
        p = (1 + (null >= accuracy[0]).sum()) / (1 + permutations)
        overall.append((quantity, len(use), len(found), *accuracy, *chance, float(p)))
        for place, number in enumerate(found):
            member = label == place
            count = int(member.sum())
            area = (np.nan,) * 3
            if FEWEST_IN_GROUP <= count < len(use):
                area = auc_interval(scores[:, place], member)
            marked = bool(area[0] >= LIMIT and area[1] >= LOWER)
            single.append((int(number), quantity, count, *area, marked))
    if not overall:
        return Table(names=OVERALL), Table(names=GROUPS)
    corrected = holm(np.array([row[-1] for row in overall]))
    words = np.where(corrected < LEVEL, "more than chance", "no more than chance")
    ends = zip(corrected.tolist(), words.tolist(), strict=True)
    overall = [(*row, *end) for row, end in zip(overall, ends, strict=True)]
    single.sort(key=lambda row: row[0])
    return Table(rows=overall, names=OVERALL), Table(rows=single, names=GROUPS)


def summarise_audit(groups: list[dict], overall: list[dict]) -> dict:
    """Numbers of the audit of the groups for summary.json.

    Parameters
    ----------
    groups, overall : list of dict
        Rows of confounders.csv and confounders_overall.csv.

    Returns
    -------
    dict
        limit, lower, overall; groups and judged, the numbers of groups with members and of groups
        with enough of them; marked, the rows of the marked groups, with `text`.
    """
    marked = [
        {
            **row,
            "text": f"mostly a matter of {QUANTITIES[row['quantity']][0]} (AUC {row['auc']:.2f}, "
            f"{row['low']:.2f} to {row['high']:.2f})",
        }
        for row in groups
        if row["marked"]
    ]
    return {
        "limit": LIMIT,
        "lower": LOWER,
        "overall": overall,
        "groups": len({row["group"] for row in groups}),
        "judged": len({row["group"] for row in groups if row["auc"] is not None}),
        "marked": marked,
    }


def position_angle(image: np.ndarray, own: np.ndarray) -> float:
    """Position angle of a galaxy's light, from its second moments.

    Parameters
    ----------
    image : ndarray of float, shape (S, S)
    own : ndarray of bool, shape (S, S)
        Pixels of the galaxy; negative ones are ignored.

    Returns
    -------
    float
        Degrees from the x axis, counter-clockwise, 0 to 180; NaN if there is no light.
    """
    y, x = np.nonzero(own)
    light = np.maximum(image[y, x].astype(float), 0)
    total = light.sum()
    if not total > 0:
        return np.nan
    x, y = x - (x * light).sum() / total, y - (y * light).sum() / total
    xx, yy, xy = (light * x * x).sum(), (light * y * y).sum(), (light * x * y).sum()
    if np.hypot(xx - yy, 2 * xy) <= 1e-9 * (xx + yy):
        return np.nan
    return float(np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)) % 180)


def edge_distances(sources: Table, tiles: Table) -> np.ndarray:
    """Distance of every source from the nearest edge of its image, px.

    Parameters
    ----------
    sources : Table
        TILE, X, Y.
    tiles : Table
        IMAGE and HDU, by TILE.

    Returns
    -------
    ndarray of float, shape (N,)
        NaN without an image, and for ready-made cutouts, where each source has its own image.
    """
    tile = np.asarray(sources["TILE"])
    distance = np.full(len(sources), np.nan)
    for number, count in zip(*np.unique(tile[tile >= 0], return_counts=True), strict=True):
        if count < FEWEST_IN_GROUP:
            continue
        with open_image(str(tiles["IMAGE"][number]), int(tiles["HDU"][number])) as image:
            height, width = plane_shape(image)
        here = tile == number
        x, y = (np.asarray(sources[name], dtype=float)[here] for name in ("X", "Y"))
        distance[here] = np.minimum.reduce([x, y, width - 1 - x, height - 1 - y])
    return distance


def read_quantities(
    sources: str | Path,
    votes: str | Path,
    cutouts: Sequence[str | Path],
    measurements: Sequence[str | Path],
    seed: int = 0,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """`QUANTITIES` of every galaxy of the vote, and its group.

    Parameters
    ----------
    sources, votes : path
        sources.fits, votes.h5.
    cutouts, measurements : sequence of path
        All shards.
    seed : int
        For the galaxies, at most `SAMPLE`, whose position angle is measured on their cutout; the
        group of all others is set to -1.

    Returns
    -------
    values : dict of ndarray of float, shape (N,)
    group : ndarray of int, shape (N,)
    """
    vote = shards.read_shard(votes, ["row", "group"])
    row, group = vote["row"], vote["group"].astype(int)
    chosen = np.flatnonzero(group >= 0)
    if len(chosen) > SAMPLE:
        chosen = np.random.default_rng(seed).choice(chosen, SAMPLE, replace=False)
        outside = np.ones(len(group), dtype=bool)
        outside[chosen] = False
        group = np.where(outside, -1, group)
    listed = read_columns(sources, ("MAG", "TILE", "X", "Y"), "SOURCES")
    tiles = read_columns(sources, ("IMAGE", "HDU"), "TILES")
    light = align_rows(row, shards.concatenate(cutouts, ["row", "snr", "neighbours"]))
    names = ["row", "measure_flag", "r50", *MEASURED]
    shape = align_rows(row, shards.concatenate(measurements, names))
    sound = np.isfinite(trusted(shape)["gini"])
    values = {
        "magnitude": np.asarray(listed["MAG"], dtype=float)[row],
        "size": np.where(sound, shape["r50"], np.nan),
        "axis_ratio": trusted(shape)["axis_ratio"],
        "position_angle": _position_angles(cutouts, row, group >= 0),
        "snr": light["snr"],
        "neighbours": light["neighbours"],
        "edge_distance": edge_distances(listed, tiles)[row],
        "image": _image_numbers(np.asarray(listed["TILE"]))[row],
    }
    bands = read_bands(sources)
    if bands is not None:
        name = np.asarray(bands["BAND"])
        _, number = np.unique(name, return_inverse=True)
        values |= {
            "band": _image_numbers(number)[row],
            "redshift": read_columns(sources, ("REDSHIFT",), "SOURCES")["REDSHIFT"][row],
        }
    return {name: np.asarray(value, dtype=float) for name, value in values.items()}, group


def _image_numbers(tile: np.ndarray) -> np.ndarray:
    """Number of the image of each source; NaN if the image has too few sources to compare."""
    _, place, count = np.unique(tile, return_inverse=True, return_counts=True)
    return np.where((count >= FEWEST_IN_GROUP)[place] & (tile >= 0), tile, np.nan)


def _position_angles(paths: Sequence[str | Path], row: np.ndarray, wanted: np.ndarray):
    angle = dict.fromkeys(row[wanted].tolist(), np.nan)
    for path in paths:
        with shards.open_shard(path) as file:
            for place, number in enumerate(file["row"][:].tolist()):
                if number in angle:
                    angle[number] = _read_angle(file, place)
    return np.array([angle.get(number, np.nan) for number in row.tolist()])


def _read_angle(file: h5py.File, place: int) -> float:
    return position_angle(file["image"][place], (file["mask"][place] & OWN) > 0)
