"""Class fractions as they are: corrected for confusion, and for what is lost with S/N and size.

The anchors tell how often a galaxy of class c at some S/N is called j. In each third of the field's
S/N the fractions are those that make the counted classes most probable (expectation-maximisation;
Saerens et al. 2002, Neural Comput. 14, 21), and a bin's fractions are the means of its thirds. An
anchor's class is here the one that it would have without noise and blur: UNC is what has no class
at all, such as stars and artefacts, and a galaxy whose shape was lost counts for its own class.

Intervals come from draws in which galaxies, anchors, and whole kinds of anchors (mergers, rings,
...) have other weights (Rubin 1981, Ann. Stat. 9, 130): which kinds a class has in the sky is not
known. In each draw the table itself is one that anchors worth `WORTH` galaxies a class, and labels
drawn at random, would give: simulations are not the sky.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table

from morphovote.catalogue.reading import read_catalogue, read_properties
from morphovote.checks.class_tests import choose_samples
from morphovote.classify.anchored import weigh_anchored
from morphovote.classify.anchors import read_anchors
from morphovote.classify.classes import DETECTED, order_names
from morphovote.classify.classifier import load_classifier
from morphovote.compute.statistics import equal_bins, fraction_interval
from morphovote.storage.shards import read_shard

# S/N ranges of about equal numbers, and draws of the bootstrap.
STRATA, DRAWS = 3, 200
# Quantiles of the intervals.
LEVEL = (0.05, 0.95)
# Anchors, called as in all ranges together, that each range's table is given.
LENT = 5.0
# Galaxies with the fractions of the whole field that each bin is given.
FIELD = 4.0
STEPS = 100
# Real galaxies of each class that the anchors' table is worth: how far simulated and observed
# confusion differ. Set on the demo field; `benchmarks/class_fractions.py` tests it on others.
WORTH = 10.0
# Bins of a panel at most, and fewest galaxies in one.
BINS, FEWEST = 4, 60
HEAD = (
    "panel", "sample", "middle", "bin_low", "bin_high", "class", "galaxies", "members", "fraction",
    "low", "high", "corrected", "corrected_low", "corrected_high",
)  # fmt: skip


def confusion(
    called: np.ndarray, clear: np.ndarray, stratum: np.ndarray, weight: np.ndarray, classes: int
) -> np.ndarray:
    """Chance (T, C, C) that a galaxy of each class (last) is called each (middle), by S/N range.

    Parameters
    ----------
    called, clear, stratum : ndarray of int, shape (A,)
        Of anchors: the class they get, the class without noise and blur, the range of S/N.
    weight : ndarray, shape (A,)
    classes : int
    """
    table = np.zeros((STRATA, classes, classes))
    np.add.at(table, (stratum, called, clear), weight)
    every = table.sum(axis=0) + 0.1
    every /= every.sum(axis=0)
    table += LENT * every
    return table / table.sum(axis=1, keepdims=True)


def unfold(counts: np.ndarray, table: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Fractions (..., T, C) that make the counts (..., T, C) of called classes most probable.

    Parameters
    ----------
    counts : ndarray, shape (..., T, C)
    table : ndarray, shape (..., T, C, C)
        From `confusion`.
    prior : ndarray, shape (..., T, C)
        Galaxies of each class that are added.
    """
    found = np.full(counts.shape, 1 / counts.shape[-1])
    for _ in range(STEPS):
        expected = np.einsum("...tjc,...tc->...tj", table, found)
        ratio = counts / np.maximum(expected, 1e-12)
        found = found * np.einsum("...tjc,...tj->...tc", table, ratio) + prior
        found /= np.maximum(found.sum(axis=-1, keepdims=True), 1e-12)
    return found


def estimate(tallies: np.ndarray, tables: np.ndarray) -> np.ndarray:
    """Corrected fractions of bins, of which the first is all the field.

    Parameters
    ----------
    tallies : ndarray, shape (D, B, T, C)
        Galaxies that are called each class, in each draw.
    tables : ndarray, shape (D, T, C, C)

    Returns
    -------
    ndarray, shape (D, B, C)
    """
    table = tables[:, None]
    field = unfold(tallies[:, :1], table, np.full(tallies[:, :1].shape, 1 / tallies.shape[-1]))
    found = unfold(tallies, table, FIELD * field)
    found[:, :1] = field
    share = tallies.sum(axis=-1)
    share = share / np.maximum(share.sum(axis=-1, keepdims=True), 1e-12)
    return np.einsum("dbt,dbtc->dbc", share, found)


def draw_table(
    anchors: dict[str, np.ndarray], by_eye: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One draw of the table of `confusion`, as uncertain as it is.

    Parameters
    ----------
    anchors : dict of ndarray, shape (A,)
        called, clear, stratum, kind (all int).
    by_eye : ndarray, shape (C, C)
        Randomly drawn labels of each class (last) that are called each (middle).
    rng : Generator
    """
    classes = len(by_eye)
    weight = rng.exponential(size=len(anchors["called"]))
    weight *= rng.exponential(size=anchors["kind"].max() + 1)[anchors["kind"]]
    table = confusion(anchors["called"], anchors["clear"], anchors["stratum"], weight, classes)
    mean = table.mean(axis=0)
    drawn = rng.gamma(np.maximum(WORTH * mean + by_eye, 1e-3))
    table = table * (drawn / drawn.sum(axis=0) / np.maximum(mean, 1e-9))
    return table / table.sum(axis=1, keepdims=True)


def correct(
    called: np.ndarray,
    stratum: np.ndarray,
    bins: list[np.ndarray],
    anchors: dict[str, np.ndarray],
    by_eye: np.ndarray,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corrected fractions (B, C) of bins: median, low and high end of the interval.

    Parameters
    ----------
    called, stratum : ndarray of int, shape (N,)
        Of the field's galaxies.
    bins : list of ndarray of int
        Rows of each bin; the first holds all.
    anchors, by_eye
        See `draw_table`.
    seed : int
    """
    classes, rng = len(by_eye), np.random.default_rng(seed)
    tallies = np.zeros((DRAWS, len(bins), STRATA, classes))
    tables = np.zeros((DRAWS, STRATA, classes, classes))
    for number in range(DRAWS):
        weight = rng.exponential(size=len(called))
        for tally, rows in zip(tallies[number], bins, strict=True):
            np.add.at(tally, (stratum[rows], called[rows]), weight[rows])
        tables[number] = draw_table(anchors, by_eye, rng)
    found = estimate(tallies, tables)
    low, middle, high = np.quantile(found, (LEVEL[0], 0.5, LEVEL[1]), axis=0)
    return middle / middle.sum(axis=1, keepdims=True), low, high


def split_by_snr(snr: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of S/N of a field's galaxies (N,), equal in number, and those of anchors (A,)."""
    edges = np.quantile(snr, np.arange(1, STRATA) / STRATA)
    return np.digitize(snr, edges), np.digitize(other, edges)


def prepare_anchors(
    anchors: dict[str, np.ndarray], called: np.ndarray, stratum: np.ndarray, names: list[str]
) -> dict[str, np.ndarray]:
    """What `draw_table` takes, from the anchors as they are read and the classes they get (A,)."""
    return {
        "called": np.array([names.index(str(name)) for name in called], dtype=int),
        "clear": np.array([names.index(str(name)) for name in anchors["clear"]], dtype=int),
        "stratum": stratum,
        "kind": np.unique(anchors["kind"], return_inverse=True)[1],
    }


def count_by_eye(held_out: dict[str, np.ndarray], names: list[str]) -> np.ndarray:
    """Randomly drawn labels (C, C) of each class (last) that are called each (first).

    Galaxies whose class people cannot tell are left out: they may have one.
    """
    table = np.zeros((len(names), len(names)))
    for check, called, label in zip(
        *(held_out[key] for key in ("check", "class", "label")), strict=True
    ):
        if check == "eye" and label != "UNC" and called in names and label in names:
            table[names.index(called), names.index(label)] += 1
    return table


def list_bins(
    sources: Table, samples: Mapping[str, np.ndarray], use: np.ndarray
) -> list[tuple[str, str, float, float, float, np.ndarray]]:
    """All bins: panel, sample, middle, low and high end, rows; the first holds all galaxies.

    Parameters
    ----------
    sources : Table
        REDSHIFT, LOG_MASS.
    samples : mapping of ndarray of bool, shape (N,)
        As `class_tests.choose_samples` returns them.
    use : ndarray of bool, shape (N,)
        Galaxies that count.
    """
    nothing = float("nan")
    found = [("all", "all", nothing, nothing, nothing, np.flatnonzero(use))]
    redshift, mass = (np.asarray(sources[key], dtype=float) for key in ("REDSHIFT", "LOG_MASS"))
    panels = [("redshift", key, np.where(here, redshift, np.nan)) for key, here in samples.items()]
    for panel, sample, values in [*panels, ("log_mass", "all", mass)]:
        values = np.where(use, values, np.nan)
        for rows in equal_bins(values, BINS, FEWEST):
            ends = float(np.median(values[rows])), float(values[rows[0]]), float(values[rows[-1]])
            if len(rows):
                found.append((panel, sample, *ends, rows))
    return found


def table_fractions(
    classes: np.ndarray, bins: list[tuple], names: list[str], corrected: tuple | None
) -> Table:
    """The table of `correct_file`, from the classes (N,) as counted and the corrected fractions."""
    rows = []
    for number, (*where, inside) in enumerate(bins):
        for place, name in enumerate(names):
            members = int((classes[inside] == name).sum())
            found = (np.nan,) * 3
            if corrected is not None and place < corrected[0].shape[1]:
                found = tuple(float(part[number, place]) for part in corrected)
            raw = fraction_interval(members, len(inside))
            rows.append((*where, name, len(inside), members, *raw, *found))
    return Table(rows=rows, names=HEAD)


def correct_file(
    catalogue: str | Path,
    sources: str | Path,
    massive: float,
    votes: str | Path,
    components: str | Path,
    classifier: str | Path,
    anchors: str | Path,
    held_out: str | Path | list,
) -> Table:
    """Class fractions of a field, as counted and corrected, overall and in bins.

    Parameters
    ----------
    catalogue, sources, votes, components, classifier, anchors : path
    massive : float
        Log10 of solar masses.
    held_out : path, or empty list
        From `fitting.fit_classifier_file`; without it the anchors are judged by the classifier that
        they taught.

    Returns
    -------
    Table
        `HEAD`: panel (all, redshift, log_mass), sample, middle, bin_low, bin_high, class, galaxies,
        members (as counted), fraction, low, high (as counted, 95 % Wilson), corrected,
        corrected_low, corrected_high (90 %; NaN where anchors did not teach the classifier).
    """
    table, properties = read_catalogue(catalogue), read_properties(sources)
    name = np.asarray(table["CLASS"], dtype=str)
    snr = np.asarray(table["SNR"], dtype=float)
    use = (name != "") & (snr >= DETECTED)
    model, _ = load_classifier(classifier)
    known, _ = read_anchors(anchors)
    own = [str(one) for one in model["classes"]]
    bins = list_bins(properties, choose_samples(properties, massive), use)
    names = own + [one for one in order_names(name) if one not in own]
    if "anchors" not in str(model["taught_by"][0]) or not use.any():
        return table_fractions(name, bins, names, None)
    # As the anchors are judged: all classes equally probable beforehand.
    model["prior"] = (model["prior"] > 0) / (model["prior"] > 0).sum()

    def call(component: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return weigh_anchored(component, counts, model)[0].argmax(axis=1)

    called, stratum = np.zeros((2, len(name)), int)
    vote = read_shard(votes, ["row", "counts"])
    called[vote["row"]] = call(read_shard(components, ["component"])["component"], vote["counts"])
    stratum[use], of_anchors = split_by_snr(snr[use], known["snr"])
    checks = read_shard(held_out, ["check", "class", "label"]) if held_out else {"check": []}
    judged = np.asarray(checks["check"]) == "anchors"
    if judged.sum() == len(known["class"]):
        got = checks["class"][judged]
    else:
        got = model["classes"][call(known["component"], known["counts"])]
    eye = count_by_eye(checks, own) if held_out else np.zeros((len(own), len(own)))
    ready = prepare_anchors(known, got, of_anchors, own)
    corrected = correct(called, stratum, [rows for *_, rows in bins], ready, eye)
    return table_fractions(name, bins, names, corrected)
