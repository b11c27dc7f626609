"""Check whether galaxies keep their place and group when rotated, noisier, or less sharp.

A sample of galaxies is changed at the cutout stage and taken through all later stages with the
run's own model: denoiser, polar image, encoder, components, voters.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from morphovote import flags
from morphovote.chain import Chain
from morphovote.checks.perturbations import add_noise, turn, widen_psf
from morphovote.checks.stability_scores import KINDS
from morphovote.compute.neighbours import nearest
from morphovote.denoise.noise import noise_correlation
from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.storage import shards
from morphovote.storage.rows import SAMPLE_LIMIT
from morphovote.vote.bagged import Voters, cast_votes

# A sample of this share of the galaxies, at most LIMIT, costs about as much as denoising the field
# once more. With fewer than FEWEST_SAMPLED the check is skipped.
SHARE, LIMIT, FEWEST_SAMPLED = 1 / 7, 96, 8
# Steps of a full turn; every galaxy gets TURNS of those that are not quarter turns.
STEPS, TURNS = 16, 3
NOISE_FACTORS = (1.5, 2.0, 3.0)
# FWHM (px) of the Gaussian that widens the PSF: about the PSF of HST at 0.03 arcsec a pixel.
PSF_FWHM = 3.0
# Galaxies in memory at once with all their views, and left out of the reference at once.
FOLD = 16
MAPS = ("image", "rms", "mask", "x", "y")


class View(NamedTuple):
    """One change to a galaxy.

    `kind` is 'exact' (quarter turns and the mirror, which move pixels), 'turned' (by any other
    angle, which interpolates), 'noise' or 'psf'; `amount` an angle (degrees), a factor, or a FWHM
    (px).
    """

    kind: str
    amount: float
    mirrored: bool


def deal_views(galaxy: int) -> list[View]:
    """The views of one galaxy of the sample.

    The twelve steps of a full turn that are not quarter turns, mirrored or not, and the seven exact
    views are spread over the sample so that all occur equally often.

    Parameters
    ----------
    galaxy : int
        Its index in the sample.
    """
    angles = [step * 360 / STEPS for step in range(STEPS) if step % (STEPS // 4)]
    views = [View("exact", 90.0 * ((galaxy % 7 + 1) % 4), (galaxy % 7 + 1) > 3)]
    stride = len(angles) // TURNS
    for k in range(TURNS):
        place = (galaxy + k * stride) % len(angles)
        views.append(View("turned", angles[place], bool((galaxy // len(angles) + k) % 2)))
    views += [View("noise", factor, False) for factor in NOISE_FACTORS]
    return [*views, View("psf", PSF_FWHM, False)]


def all_turns(galaxy: int) -> list[View]:
    """All steps of a full turn, each also mirrored, except the unchanged picture."""
    del galaxy
    turns = [(step * 360 / STEPS, mirrored) for mirrored in (False, True) for step in range(STEPS)]
    return [
        View("turned" if angle % 90 else "exact", angle, mirrored) for angle, mirrored in turns[1:]
    ]


def choose_sample(snr: np.ndarray, kept: np.ndarray, usable: np.ndarray, seed: int) -> np.ndarray:
    """Choose a sample spread evenly in S/N, half of it kept galaxies if there are enough.

    Parameters
    ----------
    snr : ndarray, shape (N,)
    kept, usable : ndarray of bool, shape (N,)
    seed : int

    Returns
    -------
    ndarray of int
        Rows, sorted; empty if there are fewer than `FEWEST_SAMPLED`.
    """
    size = min(LIMIT, int(usable.sum() * SHARE))
    if size < FEWEST_SAMPLED:
        return np.zeros(0, int)
    strata = [np.flatnonzero(usable & kept), np.flatnonzero(usable & ~kept)]
    wanted = min(len(strata[0]), max(size // 2, size - len(strata[1])))
    random = np.random.default_rng(seed)
    chosen = []
    for rows, count in zip(strata, (wanted, size - wanted), strict=True):
        order = rows[np.argsort(snr[rows], kind="stable")]
        # One of each set of neighbours in S/N.
        chosen += [random.choice(part) for part in np.array_split(order, count)] if count else []
    return np.sort(np.array(chosen))


def make_views(
    cutouts: dict[str, np.ndarray], views: Sequence[View], covariance: np.ndarray, seeds: np.ndarray
) -> dict[str, np.ndarray]:
    """Apply one view to each galaxy.

    Parameters
    ----------
    cutouts : dict of ndarray, shape (N, ...)
    views : sequence of View, length N
    covariance : ndarray
        Of the sky noise, see `noise.noise_correlation`.
    seeds : ndarray of int, shape (N,)

    Returns
    -------
    dict of ndarray, shape (N, ...)
        image, rms, mask, x, y.
    """
    parts = []
    for i, view in enumerate(views):
        one = {name: cutouts[name][i : i + 1] for name in MAPS}
        if view.kind in ("exact", "turned"):
            parts.append(turn(one, view.amount, view.mirrored))
        elif view.kind == "noise":
            parts.append(add_noise(one, view.amount, covariance, seeds[i : i + 1]))
        else:
            parts.append(widen_psf(one, view.amount, covariance, seeds[i : i + 1]))
    return {name: np.concatenate([part[name] for part in parts]) for name in MAPS}


def run_views(
    cutouts: dict[str, np.ndarray],
    deal: Callable[[int], list[View]],
    follow: Callable[[dict[str, np.ndarray]], np.ndarray],
    seed: int,
) -> tuple[np.ndarray, list[View], np.ndarray]:
    """Take all views of all galaxies through the stages after the cutout.

    Parameters
    ----------
    cutouts : dict of ndarray, shape (N, ...)
    deal : callable
        The views of the n-th galaxy.
    follow : callable
        From changed cutouts (M, ...) to arrays (M, ...), row by row.
    seed : int
        For the noise.

    Returns
    -------
    galaxy : ndarray of int, shape (V,)
        Index of each view's galaxy in the cutouts.
    views : list of View, length V
    result : ndarray, shape (V, ...)
    """
    count = len(cutouts["x"])
    covariance = noise_correlation(cutouts["image"], cutouts["rms"], cutouts["mask"])
    galaxy, views, results = [], [], []
    starts = range(0, count, FOLD)
    for start in progress(starts, len(starts), f"batches of {FOLD} galaxies"):
        some = [(i, view) for i in range(start, min(start + FOLD, count)) for view in deal(i)]
        rows = np.array([i for i, _ in some])
        seeds = np.array([_noise_seed(seed, cutouts["row"][i], view) for i, view in some])
        part = {name: cutouts[name][rows] for name in MAPS}
        results.append(follow(make_views(part, [view for _, view in some], covariance, seeds)))
        galaxy.append(rows)
        views += [view for _, view in some]
    return np.concatenate(galaxy), views, np.concatenate(results)


def _noise_seed(seed: int, row: int, view: View) -> int:
    entropy = [seed, int(row), KINDS.index(view.kind), round(1000 * view.amount)]
    return int(np.random.default_rng(entropy).integers(2**31))


def score_views(
    components: np.ndarray,
    galaxy: np.ndarray,
    own: np.ndarray,
    rivals: np.ndarray,
    voters: Voters,
) -> dict[str, np.ndarray]:
    """Compare place and group of each view with those of its galaxy.

    Parameters
    ----------
    components : ndarray, shape (V, P)
        Of the views.
    galaxy : ndarray of int, shape (V,)
        Each view's galaxy.
    own : ndarray, shape (N, P)
        Components of the unchanged galaxies.
    rivals : ndarray, shape (R, P)
        Components of the field's galaxies, which may include these.
    voters : Voters

    Returns
    -------
    dict of ndarray, shape (V,)
        retrieved : bool, whether no rival is nearer to the view than its own galaxy.
        moved : float, distance from its galaxy, in units of that galaxy's mean distance to its five
            nearest reference galaxies.
        group : int, of the view.
        unchanged : bool, whether the group is that of the galaxy.
        unchanged_unseen : bool, the same with the galaxy taken out of the reference, as for a
            galaxy that the model has not seen.
        vote_fraction, kept : of the view.
    """
    away = np.linalg.norm(components - own[galaxy], axis=1)
    _, closest = nearest(components, rivals, 1)
    as_is, changed = cast_votes(own, voters), cast_votes(components, voters)
    return {
        "retrieved": away <= closest[:, 0] * (1 + 1e-6),
        "moved": away / np.maximum(as_is["distance"][galaxy], 1e-30),
        "group": changed["group"],
        "unchanged": changed["group"] == as_is["group"][galaxy],
        "unchanged_unseen": _unchanged_unseen(components, galaxy, own, voters),
        "vote_fraction": changed["vote_fraction"],
        "kept": changed["kept"],
    }


def _unchanged_unseen(
    components: np.ndarray, galaxy: np.ndarray, own: np.ndarray, voters: Voters
) -> np.ndarray:
    """Whether the group stays the same with a few galaxies at a time left out of the reference."""
    member, distance = nearest(own, voters.reference, 1)
    result = np.zeros(len(components), bool)
    for start in range(0, len(own), FOLD):
        out = [i for i in range(start, min(start + FOLD, len(own))) if distance[i, 0] == 0]
        stay = np.ones(len(voters.reference), bool)
        stay[member[out, 0]] = False
        fewer = replace(
            voters,
            reference=voters.reference[stay],
            scale=voters.scale[stay],
            labels=voters.labels[:, stay],
        )
        rows = (galaxy >= start) & (galaxy < start + FOLD)
        before = cast_votes(own[start : start + FOLD], fewer)["group"]
        after = cast_votes(components[rows], fewer)["group"]
        result[rows] = before[galaxy[rows] - start] == after
    return result


def read_cutouts(paths: Sequence[str | Path], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Read cutouts of the given rows (sorted) of the source list, from all shards of a field."""
    parts = []
    for path in paths:
        here = np.flatnonzero(np.isin(shards.read_shard(path, ["row"])["row"], rows))
        if len(here):
            parts.append(shards.read_shard(path, ["row", "id", "snr", *MAPS], here))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def read_field(cutouts: Sequence[str | Path], votes: str | Path) -> dict[str, np.ndarray]:
    """Read S/N, flags and votes of a whole field, one row per galaxy.

    Raises
    ------
    InputError
        If the files do not have the same rows.
    """
    field = shards.concatenate(cutouts, ["row", "snr", "flags"])
    found = shards.read_shard(votes, ["row", "group", "kept"])
    if not np.array_equal(found["row"], field["row"]):
        raise InputError(
            f"{votes}: array 'row' differs from that of the cutouts, expected the same galaxies. "
            "Delete both and run the workflow again."
        )
    return field | found


def check_stability_file(
    cutouts: Sequence[str | Path],
    components: str | Path,
    votes: str | Path,
    chain: Chain,
    output: str | Path,
    seed: int,
) -> None:
    """Check the stability of a field's vote, and write one row per view.

    Parameters
    ----------
    cutouts : sequence of path
    components, votes : path
    chain : Chain
    output : path
        An HDF5 table: row, id, snr, kind, amount, mirrored, was_kept (of the unchanged galaxy), and
        the scores of `score_views`. Attributes: galaxies, rivals (number of galaxies that a view
        could be mistaken for).
    seed : int
    """
    field = read_field(cutouts, votes)
    usable = (field["group"] >= 0) & ((field["flags"] & flags.NO_DATA) == 0)
    rows = choose_sample(field["snr"], field["kept"], usable, seed)
    rivals = _some(np.flatnonzero(usable), SAMPLE_LIMIT, seed)
    attributes = {"galaxies": len(rows), "rivals": len(rivals), "psf_fwhm": PSF_FWHM, "seed": seed}
    if not len(rows):
        log.info("only %d galaxies have a group: too few to check stability", usable.sum())
        shards.write_shard(output, _nothing(), attributes)
        return
    sample = read_cutouts(cutouts, field["row"][rows])

    def follow(changed: dict[str, np.ndarray]) -> np.ndarray:
        # All galaxies of the sample have data.
        return chain.locate(changed | {"flags": np.zeros(len(changed["x"]), int)})

    galaxy, views, moved = run_views(sample, deal_views, follow, seed)
    own, others = (
        shards.read_shard(components, ["component"], some)["component"] for some in (rows, rivals)
    )
    scores = score_views(moved, galaxy, own, others, chain.voters)
    table = tabulate(views, galaxy, sample, field["kept"][rows]) | scores
    shards.write_shard(output, table, attributes)
    _log_shares(table)


def _log_shares(table: dict[str, np.ndarray]) -> None:
    for kind in KINDS:
        of_kind = table["kind"] == kind
        log.info(
            "%s: %.1f %% of %d views retrieved, %.1f %% keep their group",
            kind,
            100 * table["retrieved"][of_kind].mean(),
            of_kind.sum(),
            100 * table["unchanged"][of_kind].mean(),
        )


def _some(rows: np.ndarray, limit: int, seed: int) -> np.ndarray:
    if len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))


def tabulate(
    views: Sequence[View], galaxy: np.ndarray, sample: dict[str, np.ndarray], kept: np.ndarray
) -> dict[str, np.ndarray]:
    """Change and galaxy of each view, one row per view."""
    return {
        "row": sample["row"][galaxy],
        "id": sample["id"][galaxy],
        "snr": sample["snr"][galaxy],
        "was_kept": kept[galaxy],
        "kind": np.array([view.kind for view in views]),
        "amount": np.array([view.amount for view in views]),
        "mirrored": np.array([view.mirrored for view in views]),
    }


def _nothing() -> dict[str, np.ndarray]:
    """The columns of the table, without rows."""
    kinds = {
        np.int64: ("row",),
        object: ("id", "kind"),
        np.int16: ("group",),
        np.float32: ("snr", "amount", "moved", "vote_fraction"),
        bool: ("was_kept", "mirrored", "retrieved", "unchanged", "unchanged_unseen", "kept"),
    }
    return {name: np.zeros(0, kind) for kind, names in kinds.items() for name in names}
