"""Controls of the vote: a structureless null, other seeds, and a comparison of the voters."""

import time
from pathlib import Path

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

from morphovote.compute.bags import bag_size
from morphovote.logs import log, progress
from morphovote.storage.files import write_csv, write_json
from morphovote.storage.rows import choose_rows, sample_rows
from morphovote.storage.shards import read_attributes, read_shard
from morphovote.vote.algorithms import ALGORITHMS, cluster
from morphovote.vote.alignment import align, count_votes, pairwise_rand_index, rand_index
from morphovote.vote.bagged import Voters, votes_needed
from morphovote.vote.confidence import calibrate_votes, describe_cuts
from morphovote.vote.schemes import SCHEMES
from morphovote.vote.unanimous import PublishedVoters

# Largest sample of data and null: on a full reference each draw would take as long as the vote.
SAMPLE = 5_000
DRAWS = 5
OTHER_SEEDS = 4
# Bags on which the algorithms are compared with each other.
SHARED_BAGS = 3
# Algorithms that agree better than this on the same bag count as one.
SAME = 0.98


def null_sample(components: np.ndarray, seed: int) -> np.ndarray:
    """Gaussian noise with the mean and the covariance of the data: no groups by construction.

    Parameters
    ----------
    components : ndarray, shape (N, P)
    seed : int

    Returns
    -------
    ndarray, shape (N, P), float32
    """
    data = components.astype(np.float64)
    with threadpool_limits(1):
        covariance = np.atleast_2d(np.cov(data, rowvar=False))
        values, vectors = np.linalg.eigh(covariance)
        noise = np.random.default_rng(seed).normal(size=data.shape)
        drawn = (noise * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return (data.mean(axis=0) + drawn).astype(np.float32)


def mean_interval(values: list[float], bounded: bool = True) -> dict:
    """Mean of a few draws with its 95 % interval (Student's t).

    Parameters
    ----------
    values : list of float
    bounded : bool
        Whether they are shares: low and high are clipped to 0 and 1.

    Returns
    -------
    dict
        values, mean, low, high.
    """
    mean = float(np.mean(values))
    spread = stats.sem(values) if len(values) > 1 else 0.0
    half = float(stats.t.ppf(0.975, max(len(values) - 1, 1)) * spread)
    return {
        "values": [float(value) for value in values],
        "mean": mean,
        "low": max(mean - half, 0.0) if bounded else mean - half,
        "high": min(mean + half, 1.0) if bounded else mean + half,
    }


def compare_algorithms(
    components: np.ndarray, groups: int, seed: int
) -> tuple[dict[str, float], list[list[str]]]:
    """Agreement of the algorithms on the same bags.

    Parameters
    ----------
    components : ndarray, shape (N, P)
    groups, seed : int

    Returns
    -------
    likeness : dict of float
        Mean adjusted Rand index of each pair, such as "kmeans-ward".
    distinct : list of list of str
        The algorithms; those that give the same groups share a list.
    """
    size = bag_size(len(components))
    found: dict[str, list[float]] = {}
    for number in range(SHARED_BAGS):
        draw = np.random.default_rng([seed, number])
        bag = components[draw.choice(len(components), size, replace=False)]
        with threadpool_limits(1):
            labels = [cluster(bag, groups, name, number) for name in ALGORITHMS]
        likeness = pairwise_rand_index(np.stack(labels))
        for i, first in enumerate(ALGORITHMS):
            for j in range(i + 1, len(ALGORITHMS)):
                found.setdefault(f"{first}-{ALGORITHMS[j]}", []).append(likeness[i, j])
    mean = {pair: float(np.mean(values)) for pair, values in found.items()}
    return mean, same_algorithms(mean)


def same_algorithms(likeness: dict[str, float]) -> list[list[str]]:
    """List the algorithms, those with an adjusted Rand index above 0.98 together."""
    distinct: list[list[str]] = []
    for name in ALGORITHMS:
        twin = [
            group for group in distinct if any(likeness[f"{one}-{name}"] > SAME for one in group)
        ]
        if twin:
            twin[0].append(name)
        else:
            distinct.append([name])
    return distinct


def voter_likeness(
    labels: np.ndarray, algorithms: list[str]
) -> tuple[float, dict[str, float], np.ndarray]:
    """Adjusted Rand index between the voters of one vote, which saw different bags.

    Parameters
    ----------
    labels : ndarray of int, shape (V, R)
    algorithms : list of str, length V

    Returns
    -------
    mean : float
        Over all pairs of voters.
    by_algorithm : dict of float
        Over the pairs of two algorithms, such as "kmeans-ward".
    pairs : ndarray, shape (V, V)
        Between each two voters.
    """
    matrix = pairwise_rand_index(labels)
    upper = np.triu(np.ones_like(matrix, dtype=bool), 1)
    names = np.array(algorithms)
    result = {}
    for i, first in enumerate(ALGORITHMS):
        for second in ALGORITHMS[i:]:
            pair = (names[:, None] == first) & (names == second)
            pair = (pair | pair.T) & upper
            if pair.any():
                result[f"{first}-{second}"] = float(matrix[pair].mean())
    return float(matrix[upper].mean()), result, matrix


def check_vote(
    components: np.ndarray,
    groups: int,
    agreement: float,
    seed: int,
    voters: int = 30,
    threads: int = 1,
    scheme: str = "bagged",
) -> tuple[dict, np.ndarray]:
    """Vote on the data and on its null in the same way, with several seeds, and compare.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        All finite.
    groups, agreement, seed, voters, threads
        As for `fit_voters`.
    scheme : {'bagged', 'published'}
        Which vote. The published one has neither agreement nor voters to set.

    Returns
    -------
    dict
        Numbers, lists and text only, so that it can be written as JSON:
        nulls : kept fractions of the draws, by kind of null;
        data, null : kept fraction of every run with mean and 95 % interval;
        ratio : of the two means, with an interval from the null's;
        vote_histogram : share of galaxies with 0, 1, ... V votes for their group;
        vote_counts : the same as numbers of galaxies, of every run;
        confidence : for each number of votes, see `confidence.describe_cuts`;
        seed_ari : mean adjusted Rand index between runs with different seeds;
        seeds : the same in detail, see `seed_stability`;
        voter_ari : mean adjusted Rand index of two voters of the first run;
        voter_ari_by_algorithm, voter_ari_pairs (with the voters' algorithms), algorithms_ari,
        algorithms : see `voter_likeness` and `compare_algorithms`;
        sentence : the outcome in words.
    ndarray, shape (N, 2)
        Each galaxy's most frequent group and its stability, from `seed_stability`.
    """
    began = time.monotonic()
    runs, first = _repeat_vote(components, groups, agreement, seed, voters, threads, scheme)
    kept = {kind: mean_interval([run["kept"].mean() for run in runs[kind]]) for kind in runs}
    voter_ari, by_algorithm, pairs = voter_likeness(first.labels, first.algorithms)
    if SCHEMES[scheme].share_galaxies:
        alike, distinct = by_algorithm, same_algorithms(by_algorithm)
    else:
        alike, distinct = compare_algorithms(components, groups, seed)
    seeds, galaxies = seed_stability(runs["data"], groups)
    result = {
        "galaxies": len(components),
        "voters": voters,
        "groups": groups,
        "agreement": agreement,
        "seed": seed,
        "nulls": {"gaussian": kept["null"]["values"]},
        "data": kept["data"],
        "null": kept["null"],
        "ratio": _ratio(kept["data"], kept["null"]),
        **_describe_counts(runs, voters, agreement),
        "seed_ari": seeds["ari_all"]["mean"],
        "seeds": seeds,
        "voter_ari": voter_ari,
        "voter_ari_by_algorithm": by_algorithm,
        "voter_ari_pairs": {"algorithms": first.algorithms, "ari": np.round(pairs, 4).tolist()},
        "algorithms_ari": alike,
        "algorithms": distinct,
    }
    result["sentence"] = describe_controls(result)
    result["seconds"] = round(time.monotonic() - began, 1)
    return result, galaxies


def _repeat_vote(
    components: np.ndarray,
    groups: int,
    agreement: float,
    seed: int,
    voters: int,
    threads: int,
    scheme: str,
) -> tuple[dict[str, list[dict]], Voters | PublishedVoters]:
    """Vote on the data with several seeds and on draws of the null; return also the first fit."""
    tasks = [("data", number) for number in range(1 + OTHER_SEEDS)]
    tasks += [("null", number) for number in range(DRAWS)]
    runs: dict[str, list[dict]] = {"data": [], "null": []}
    first = None
    for kind, number in progress(tasks, len(tasks), "controls"):
        sample = components if kind == "data" else null_sample(components, seed + number)
        fitted = SCHEMES[scheme].fit(sample, groups, agreement, seed + number, voters, threads)
        runs[kind].append(SCHEMES[scheme].cast(sample, fitted))
        first = first or fitted
    return runs, first


def _describe_counts(runs: dict[str, list[dict]], voters: int, agreement: float) -> dict:
    """How many votes galaxies get for their group, on the data and on the null."""
    votes = {kind: np.stack([count_galaxies(run, voters) for run in runs[kind]]) for kind in runs}
    table = calibrate_votes(votes["data"], votes["null"])
    return {
        "vote_histogram": {kind: (sum(votes[kind]) / votes[kind].sum()).tolist() for kind in votes},
        "vote_counts": {kind: votes[kind].tolist() for kind in votes},
        "confidence": describe_cuts(table, votes_needed(agreement, voters)),
    }


def _ratio(data: dict, null: dict) -> dict:
    """Ratio of the kept fractions; without an upper limit if the null may keep nothing."""

    def over(value: float) -> float | None:
        return data["mean"] / value if value > 0 else None

    return {"value": over(null["mean"]), "low": over(null["high"]), "high": over(null["low"])}


def count_galaxies(run: dict, voters: int) -> np.ndarray:
    """Galaxies (V + 1,) of a run with 0, 1, ... `voters` votes for their group."""
    votes = np.rint(run["vote_fraction"] * voters).astype(int)
    return np.bincount(votes, minlength=voters + 1)


def seed_stability(runs: list[dict], groups: int) -> tuple[dict, np.ndarray]:
    """Agreement of votes with different seeds on the same galaxies.

    The groups of the runs are brought to one numbering, as those of voters are. A galaxy's
    stability is the share of the runs that put it in its most frequent group.

    Parameters
    ----------
    runs : list of dict
        From `cast_votes`.
    groups : int

    Returns
    -------
    dict
        ari_all, ari_kept (over galaxies kept in both; None if fewer than ten): the list of all
        pairs and its mean; kept_in_both: share of galaxies; stability and stability_kept: the mean
        over all galaxies and over those that the first run kept; same_group and same_group_kept:
        shares of these that all runs put in one group. None if the first run kept no galaxy.
    ndarray, shape (N, 2)
        Each galaxy's most frequent group and its stability.
    """
    matched = count_votes(align(np.stack([run["group"] for run in runs]), groups), groups)
    stability = matched.max(axis=1) / len(runs)
    kept = runs[0]["kept"]
    shares = {"stability": stability, "same_group": stability == 1}
    means = {name: float(values.mean()) for name, values in shares.items()}
    for name, values in shares.items():
        means[f"{name}_kept"] = float(values[kept].mean()) if kept.any() else None
    over_all, over_kept, shared = [], [], []
    for i in range(len(runs)):
        for j in range(i):
            first, second = runs[i], runs[j]
            both = first["kept"] & second["kept"]
            over_all.append(rand_index(first["group"], second["group"]))
            shared.append(float(both.mean()))
            if both.sum() >= 10:
                over_kept.append(rand_index(first["group"][both], second["group"][both]))
    found = {
        "ari_all": {"pairs": over_all, "mean": float(np.mean(over_all))},
        "ari_kept": {
            "pairs": over_kept,
            "mean": float(np.mean(over_kept)) if over_kept else None,
        },
        "kept_in_both": float(np.mean(shared)),
        **means,
    }
    return found, np.column_stack([matched.argmax(axis=1), stability])


def describe_controls(result: dict) -> str:
    """The outcome of `check_vote` in two or three plain sentences."""
    data, null, ratio = result["data"], result["null"], result["ratio"]["value"]
    text = (
        f"The vote keeps {100 * data['mean']:.0f} % of the galaxies, and "
        f"{100 * null['mean']:.0f} % ({100 * null['low']:.0f}-{100 * null['high']:.0f} %) of "
        "structureless noise with the same covariance"
    )
    if ratio is None:
        text += "."
    elif ratio < 1.5:
        text += f", {ratio:.1f} times as many: hardly more than chance."
    else:
        text += f": {ratio:.1f} times as many."
    kept = result["seeds"]["ari_kept"]["mean"]
    if kept is not None:
        text += f" Galaxies kept with two seeds are grouped alike at an ARI of {kept:.2f}."
    for same in result["algorithms"]:
        if len(same) > 1:
            text += f" {' and '.join(same)} are one algorithm on these data (ARI above {SAME})."
    return text


def check_vote_file(
    components: str | Path, output: str | Path, seeds: str | Path, **settings
) -> None:
    """Run `check_vote` on a random sample (5,000 at most) of a components file.

    Parameters
    ----------
    components : path
    output : path
        The results, as JSON.
    seeds : path
        How stable the group of each galaxy in the sample is over the seeds, as CSV: row, id,
        seeds_group (in a numbering of its own, not the catalogue's), stability.
    settings
        See `check_vote`.
    """
    sample, available = sample_rows([components], "component", SAMPLE, settings["seed"])
    log.info(
        "controls on %d of %d galaxies: %d seeds, %d null draws",
        len(sample),
        available,
        1 + OTHER_SEEDS,
        DRAWS,
    )
    result, galaxies = check_vote(sample, **settings)
    result["field_galaxies"] = available
    attributes = read_attributes(components)
    if "pca" in attributes:
        result["pca"] = attributes["pca"]
    log.info("%s", result["sentence"])
    write_json(output, result)
    names = read_shard(components, ["row", "id"])
    chosen, _ = choose_rows([components], "component", SAMPLE, settings["seed"])
    rows = (
        [names["row"][place], names["id"][place], int(group), stability]
        for place, (group, stability) in zip(np.flatnonzero(chosen), galaxies, strict=True)
    )
    write_csv(seeds, ["row", "id", "seeds_group", "stability"], rows)
