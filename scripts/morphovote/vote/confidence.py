"""Confidence of a vote: one minus the false-discovery rate at its vote fraction.

Structureless noise also gets votes, and sometimes many. The controls run the same vote on the
galaxies and on draws of such a null, and count the votes of each galaxy. The galaxies are modelled
as a mixture (Efron 2008): some get votes like the null, the rest get more. Among the galaxies with
at least a given number of votes, the share that the null explains is the tail false-discovery rate;
the confidence is one minus this rate.
"""

from pathlib import Path

import numpy as np
from scipy import stats

from morphovote.errors import InputError
from morphovote.storage.files import read_json
from morphovote.storage.model_files import read_model, write_model

KIND = "confidence"
CUTS = (0.5, 0.8, 0.9, 0.95)


def calibrate_votes(data: np.ndarray, null: np.ndarray) -> dict[str, np.ndarray | float]:
    r"""Confidence for every possible number of votes.

    .. math:: C(v) = 1 - \min_{u \le v} \pi_0 \frac{P_0(V \ge u)}{P(V \ge u)}

    with P the share of the galaxies, P0 that of the null, and pi0 the share of the galaxies that
    vote like the null (Storey 2002, J. R. Stat. Soc. B 64, 479; the minimum makes it a q-value:
    Storey 2003, Ann. Stat. 31, 2013). So among the galaxies with C >= c, a share of about 1 - c is
    expected from the null. c is a property of the cut: a galaxy just above it is less certain than
    the rest. Without a cut it is 1 - pi0. It describes the vote alone: a group of high confidence
    may hold galaxies of several kinds.

    P0 counts one extra galaxy with all votes, and pi0 one with few (Phipson & Smyth 2010), so that
    no finite sample makes a vote certain. pi0 compares the shares of the galaxies and of the null
    that lie below the null's median vote. Galaxies with structure but few votes raise it, so the
    confidence is conservative. At pi0 = 1 all galaxies are like the null.

    Parameters
    ----------
    data : ndarray of int, shape (S, V + 1)
        Galaxies with 0, 1, ... V votes for their group, in votes with S seeds.
    null : ndarray of int, shape (D, V + 1)
        The same for D draws of the null.

    Returns
    -------
    dict
        confidence, low, high : ndarray, shape (V + 1,), rising with the votes; low and high are
            the 95 % interval from the scatter of the null's draws (jackknife), not of the data.
        null_share : float, pi0.
    """
    data, null = np.asarray(data, dtype=float), np.asarray(null, dtype=float)
    confidence, null_share = _confidence(data, null)
    count = len(null)
    if count > 1:
        left_out = [_confidence(data, np.delete(null, draw, axis=0))[0] for draw in range(count)]
        error = np.sqrt((count - 1) * np.var(left_out, axis=0))
        half = stats.t.ppf(0.975, count - 1) * error
        low, high = (
            np.maximum.accumulate(np.clip(confidence + side * half, 0, 1)) for side in (-1, 1)
        )
    else:
        low, high = np.zeros_like(confidence), np.ones_like(confidence)
    return {"confidence": confidence, "low": low, "high": high, "null_share": null_share}


def _confidence(data: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, float]:
    votes, expected = data.sum(axis=0), null.sum(axis=0)
    tail = np.cumsum(votes[::-1])[::-1] / votes.sum()
    null_tail = (np.cumsum(expected[::-1])[::-1] + 1) / (expected.sum() + 1)
    share = _null_share(votes, expected)
    # Beyond the most votes that any galaxy has, the confidence stays at its highest value.
    ratio = np.where(tail > 0, share * null_tail / np.maximum(tail, 1e-300), np.inf)
    return 1 - np.minimum(np.minimum.accumulate(ratio), 1), share


def _null_share(votes: np.ndarray, expected: np.ndarray) -> float:
    """Share of galaxies that vote like the null, from those with fewer votes than its median."""
    below = np.concatenate([[0], np.cumsum(expected)[:-1]]) / expected.sum()
    usable = np.flatnonzero(below > 0)
    if not len(usable):
        return 1.0
    half = np.flatnonzero(below >= 0.5)
    limit = half[0] if len(half) else usable[-1]
    return float(min((votes[:limit].sum() + 1) / (votes.sum() + 1) / below[limit], 1.0))


def look_up(votes: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Confidence of galaxies from the votes for their group; NaN where there was no vote.

    Parameters
    ----------
    votes : ndarray of int, shape (N,)
    confidence : ndarray, shape (V + 1,)

    Returns
    -------
    ndarray, shape (N,), float32
    """
    return np.where(votes > 0, confidence[votes], np.nan).astype(np.float32)


def add_confidence(votes: dict[str, np.ndarray], confidence: np.ndarray) -> dict[str, np.ndarray]:
    """Add `vote_confidence` (N,), the confidence for the votes that each galaxy's group got.

    Parameters
    ----------
    votes : dict of ndarray
        `group` (N,), -1 where none, and `counts` (N, K), votes for each group.
    confidence : ndarray, shape (V + 1,)
        For each number of votes, see `load_confidence`.
    """
    own = np.maximum(votes["group"], 0).astype(int)[:, None]
    cast = np.take_along_axis(votes["counts"], own, axis=1)[:, 0]
    return votes | {"vote_confidence": look_up(cast, confidence)}


def describe_cuts(table: dict, kept_from: int) -> dict:
    """The table in a form for JSON, with the vote fractions that some cuts correspond to.

    Parameters
    ----------
    table : dict
        From `calibrate_votes`.
    kept_from : int
        Fewest votes for a galaxy to be kept.

    Returns
    -------
    dict
        null_share; vote_fraction, confidence, low, high (lists, one entry for each number of
        votes); at_agreement (confidence of the kept galaxies taken together); cuts: confidence
        -> smallest vote fraction that reaches it, None if none does.
    """
    confidence = table["confidence"]
    total = len(confidence) - 1
    cuts = {}
    for cut in CUTS:
        reached = np.flatnonzero(confidence >= cut)
        cuts[str(cut)] = float(reached[0] / total) if len(reached) else None
    return {
        "null_share": table["null_share"],
        "at_agreement": float(confidence[kept_from]),
        "cuts": cuts,
        "vote_fraction": [votes / total for votes in range(total + 1)],
    } | {name: table[name].tolist() for name in ("confidence", "low", "high")}


def calibrate_votes_file(controls: str | Path, output: str | Path) -> None:
    """Make a field's confidence table from the controls of its vote; write a model file.

    Raises
    ------
    InputError
        If the controls hold no counts of votes.
    """
    found = read_json(controls)
    if "vote_counts" not in found:
        raise InputError(
            f"{controls}: entry 'vote_counts' is missing, expected the votes of data and null. "
            "It was made by an older version: delete it and run the workflow again."
        )
    counts = found["vote_counts"]
    table = calibrate_votes(np.array(counts["data"]), np.array(counts["null"]))
    attributes = {"null_share": table.pop("null_share"), "draws": len(counts["null"])}
    if "pca" in found:
        attributes["pca"] = found["pca"]
    write_model(output, KIND, table, attributes)


def load_confidence(path: str | Path, voters: int) -> tuple[np.ndarray, dict]:
    """Read the confidence for each number of votes, and the attributes of the file.

    Raises
    ------
    InputError
        If it was made for another number of voters.
    """
    arrays, attributes = read_model(path, KIND, ("confidence",))
    confidence = arrays["confidence"]
    if confidence.shape != (voters + 1,):
        raise InputError(
            f"{path}: array 'confidence' has shape {confidence.shape}, expected ({voters + 1},) "
            f"for {voters} voters.\nTake confidence.h5 and voters.h5 from one model folder."
        )
    return confidence, attributes
