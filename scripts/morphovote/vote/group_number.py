"""How many groups: run the vote with many numbers of groups, each compared with its null.

If galaxies form no separate kinds, no number of groups is right. What can be asked is with how many
groups the vote finds most structure that noise does not have. For each number this is measured on a
sample of limited size, with fewer voters than the vote itself.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import davies_bouldin_score, silhouette_score
from threadpoolctl import threadpool_limits

from morphovote.compute.bags import BAG_SHARE
from morphovote.errors import InputError
from morphovote.logs import log, progress
from morphovote.storage.files import write_json
from morphovote.storage.rows import sample_rows
from morphovote.vote.alignment import pairwise_rand_index
from morphovote.vote.bagged import cast_votes, fit_voters
from morphovote.vote.controls import mean_interval, null_sample

NUMBERS = (5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 65, 80, 100)
SAMPLE = 1_500
VOTERS = 10
REPEATS = 3
# Fewest galaxies per group in a bag; with fewer, groups form by chance.
FEWEST_IN_BAG = 5
# A number qualifies if the vote keeps at least this much more of the galaxies than of the null.
LEAST_GAIN = 0.05
LEVEL = 0.05
# Used for groups: auto if no number is recommended.
FALLBACK = 20
# Criterion -> its name in the figure, and which end is better.
CRITERIA = {
    "kept": ("kept fraction", "high"),
    "stability": ("ARI of two voters", "high"),
    "silhouette": ("silhouette", "high"),
    "davies_bouldin": ("Davies-Bouldin index", "low"),
}


def scan_groups(
    components: np.ndarray,
    agreement: float,
    seed: int,
    numbers: Sequence[int] = NUMBERS,
) -> dict:
    """Vote with each number of groups on the data and on its null, and recommend a number.

    Each vote is rated by its kept fraction, its stability (the mean adjusted Rand index of two
    voters on different bags), and the silhouette (Rousseeuw 1987) and Davies-Bouldin index (1979)
    of its groups in the components. The last two prefer round, separate groups, whether the vote
    finds them again or not: they are shown, but not used to choose.

    Parameters
    ----------
    components : ndarray, shape (N, P)
        All finite.
    agreement : float
        As for `fit_voters`.
    seed : int
    numbers : sequence of int
        Numbers of groups; those with fewer than five galaxies per group in a bag are left out.

    Returns
    -------
    dict
        rows : one per number: groups, `gain` (kept fraction above the null's) with `low` and `high`
            (see `recommend`), and for each of `CRITERIA` and data and null the `mean_interval`;
        recommended : int or None; used_by_auto : int; sentence : str; galaxies : int.

    Raises
    ------
    InputError
        If the sample is too small for any number.
    """
    most = int(BAG_SHARE * len(components)) // FEWEST_IN_BAG
    numbers = [number for number in numbers if number <= most]
    if not numbers:
        raise InputError(
            f"config: voting.groups is auto, but only {len(components)} galaxies have features, "
            f"too few to compare numbers of groups.\nSet voting.groups to {max(most, 2)} at most, "
            "or give the field more galaxies."
        )
    nulls = [null_sample(components, seed + draw) for draw in range(REPEATS)]
    rows = []
    for groups in progress(numbers, len(numbers), "numbers of groups"):
        row: dict = {"groups": groups}
        for kind in ("data", "null"):
            found = []
            for repeat in range(REPEATS):
                sample = components if kind == "data" else nulls[repeat]
                found.append(_measure(sample, groups, agreement, seed + repeat))
            row[kind] = {
                name: mean_interval([one[name] for one in found], bounded=name == "kept")
                for name in CRITERIA
            }
        rows.append(row)
    return recommend(rows) | {"galaxies": len(components), "voters": VOTERS, "rows": rows}


def _measure(sample: np.ndarray, groups: int, agreement: float, seed: int) -> dict[str, float]:
    fitted = fit_voters(sample, groups, agreement, seed, VOTERS, quiet=True)
    votes = cast_votes(sample, fitted)
    likeness = pairwise_rand_index(fitted.labels)
    found = {
        "kept": float(votes["kept"].mean()),
        "stability": float(likeness[np.triu_indices(VOTERS, 1)].mean()),
    }
    names, members = np.unique(votes["group"], return_inverse=True)
    usable = 1 < len(names) < len(sample)
    with threadpool_limits(1):
        found["silhouette"] = float(silhouette_score(sample, members)) if usable else 0.0
        found["davies_bouldin"] = float(davies_bouldin_score(sample, members)) if usable else 0.0
    return found


def recommend(rows: list[dict]) -> dict:
    """Recommend a number of groups, or none; add the gain and its interval to every row.

    A number qualifies if the vote keeps more of the data than it would of one more draw of the
    null: the one-sided 95 % prediction interval of the gain lies above zero for all numbers
    together (Bonferroni), with the null's scatter pooled over them, and the gain is at least 5 % of
    the galaxies. Of these the number with the highest score is recommended: the mean of two gains
    over the null, in kept fraction and in stability. The kept fraction alone cannot separate
    neighbouring numbers, because the vote leaves surplus groups empty.

    Parameters
    ----------
    rows : list of dict
        groups; data and null, with `kept` and `stability`. Changed in place: gain, low, high,
        score.

    Returns
    -------
    dict
        recommended (None if no number qualifies), used_by_auto, range (from the smallest to the
        largest number within a standard error of the best score), best (the best number by each
        criterion), sentence.
    """

    def values(kind: str, name: str) -> np.ndarray:
        return np.array([row[kind][name]["values"] for row in rows])

    data, null = values("data", "kept"), values("null", "kept")
    repeats = null.shape[1]
    gain = data.mean(axis=1) - null.mean(axis=1)
    pooled = np.sqrt(null.var(axis=1, ddof=1).mean())
    scatter = np.maximum(null.std(axis=1, ddof=1), pooled)
    reach = stats.t.ppf(1 - LEVEL / len(rows), len(rows) * (repeats - 1))
    half = reach * scatter * np.sqrt(1 + 1 / repeats)
    scores = [(values(kind, "kept") + values(kind, "stability")) / 2 for kind in ("data", "null")]
    score = scores[0].mean(axis=1) - scores[1].mean(axis=1)
    error = np.sqrt(sum(one.var(axis=1, ddof=1).mean() for one in scores) / repeats)
    for row, value, width, mean in zip(rows, gain, half, score, strict=True):
        row |= {"gain": float(value), "low": float(value - width), "high": float(value + width)}
        row["score"] = float(mean)
    numbers = np.array([row["groups"] for row in rows])
    good = (gain - half > 0) & (gain >= LEAST_GAIN)
    best = {
        name: int(
            numbers[
                (np.argmax if end == "high" else np.argmin)(
                    [row["data"][name]["mean"] for row in rows]
                )
            ]
        )
        for name, (_, end) in CRITERIA.items()
    }
    if not good.any():
        return {
            "recommended": None,
            "used_by_auto": int(min(FALLBACK, numbers[-1])),
            "best": best,
            "sentence": (
                f"No number of groups between {numbers[0]} and {numbers[-1]} recommends itself: "
                "with none does the vote keep clearly more of the galaxies than of structureless "
                "noise."
            ),
        }
    top = int(np.flatnonzero(good)[score[good].argmax()])
    near = numbers[good & (score >= score[top] - error)]
    return {
        "recommended": int(numbers[top]),
        "used_by_auto": int(numbers[top]),
        "range": [int(near[0]), int(near[-1])],
        "best": best,
        "sentence": (
            f"{numbers[top]} groups recommend themselves: the vote keeps "
            f"{100 * data[top].mean():.0f} % of the galaxies and {100 * null[top].mean():.0f} % of "
            "structureless noise. "
            + (
                f"Between {near[0]} and {near[-1]} the difference is within a standard error."
                if len(near) > 1
                else "No other number comes within a standard error of it."
            )
        ),
    }


def choose_groups_file(
    components: str | Path, output: str | Path, agreement: float, seed: int
) -> None:
    """Scan the numbers of groups on a random sample (1,500 at most); write JSON."""
    sample, available = sample_rows([components], "component", SAMPLE, seed)
    log.info("numbers of groups on %d of %d galaxies", len(sample), available)
    result = scan_groups(sample, agreement, seed)
    log.info("%s", result["sentence"])
    write_json(output, result)
