"""How much a field differs from the galaxies that its frozen model was fitted on.

Groups and classes of a frozen model are meaningful on a field only if its galaxies resemble the
reference sample. Three things are compared: how many galaxies lie farther from the reference than
its own members do, whether the two samples can be told apart in the components, and the properties
of the images (PSF, depth, magnitudes, band).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from morphovote.compute.neighbours import nearest
from morphovote.compute.statistics import fraction_interval
from morphovote.errors import InputError
from morphovote.model.compatibility import SAME_SCALE
from morphovote.storage.model_folder import read_description
from morphovote.storage.rows import sample_rows
from morphovote.storage.shards import read_attributes, read_shard
from morphovote.vote.bagged import CLOSEST, load_voters, reference_graph

# The envelope: the distance within which this share of the reference lies.
ENVELOPE = 0.99
# Galaxies of each sample in the two-sample test: their distances take 32 MB.
SAMPLE = 1000
PERMUTATIONS = 199
# Nearest neighbours in the two-sample test.
NEIGHBOURS = 5
# Fewest galaxies for a verdict.
FEWEST_TO_COMPARE = 20
# Limits for 'care' and for 'no trust'. Shares outside the envelope count by the lower end of their
# 95 % interval; 0.01 is the share of the reference itself.
OUTSIDE = (0.03, 0.10)
# Share of a galaxy's neighbours that are of its own sample: one half if the samples are alike.
OWN_SHARE = (0.60, 0.75)
# Samples with a p-value above this count as alike.
ALIKE = 0.01
# Ratio of the PSFs, the wider over the narrower.
PSF_RATIO = (1.25, 1.6)
# Difference of the depths, and of the median magnitudes, in mag.
DEPTH, MAGNITUDE = 0.5, 1.0

VERDICTS = ("trust", "care", "no trust", "not decided")


def measure_envelope(reference: np.ndarray, distance: np.ndarray) -> dict:
    """Count galaxies that lie farther from the reference than 99 % of its members do.

    Parameters
    ----------
    reference : ndarray, shape (R, P)
        Components of the reference sample.
    distance : ndarray, shape (N,)
        Mean distance of each galaxy to its five nearest reference galaxies other than itself
        (`bagged.cast_votes`); NaN where it has no components.

    Returns
    -------
    dict
        limit; expected_high: upper limit (97.5 %) of the share expected beyond the limit for
        galaxies like the reference, more than 1 % for small references; outside, galaxies (counts);
        fraction, low, high (95 % Wilson interval); quantiles: at 1, 2, ... 99 % of the reference's
        and of the field's distances.
    """
    own = reference_graph(reference)[1][:, :CLOSEST].mean(axis=1)
    distance = np.asarray(distance, dtype=float)
    distance = distance[np.isfinite(distance)]
    # Distances of the field come as float32.
    limit = float(np.float32(np.quantile(own, ENVELOPE)))
    outside = int((distance > limit).sum())
    fraction, low, high = fraction_interval(outside, len(distance))
    # The limit has sampling error too: more of other, similar galaxies may lie beyond it.
    beyond = int((own > limit).sum())
    expected = float(stats.beta.ppf(0.975, beyond + 1, len(own) - beyond))
    grid = np.arange(1, 100) / 100
    return {
        "limit": limit,
        "expected_high": expected,
        "outside": outside,
        "galaxies": len(distance),
        "fraction": fraction,
        "low": low,
        "high": high,
        "quantiles": {
            "share": grid.tolist(),
            "reference": np.quantile(own, grid).tolist(),
            "field": np.quantile(distance, grid).tolist() if len(distance) else [],
        },
    }


def compare_samples(first: np.ndarray, second: np.ndarray, seed: int) -> dict:
    """Test whether two samples come from one distribution, and how well they can be told apart.

    The test uses the energy distance (Szekely & Rizzo 2013, J. Stat. Plan. Inference 143, 1249)
    with permutations. The share of nearest neighbours in the same sample (Schilling 1986, J. Am.
    Stat. Assoc. 81, 799) is given as well: unlike significance, it does not grow with the sample.

    Parameters
    ----------
    first, second : ndarray, shape (N, P), (M, P)
        All finite. Equal numbers of both are drawn, at most 1,000.
    seed : int

    Returns
    -------
    dict
        size (of each), energy (the distance; below 0 by chance), p, permutations, own_share.
    """
    size = min(len(first), len(second), SAMPLE)
    random = np.random.default_rng(seed)
    points = np.concatenate(
        [part[np.sort(random.choice(len(part), size, replace=False))] for part in (first, second)]
    ).astype(np.float32)
    index, away = nearest(points, points, len(points))
    distance = np.empty(index.shape)
    np.put_along_axis(distance, index, away, axis=1)
    labels = np.zeros((2 * size, PERMUTATIONS + 1))
    labels[size:] = 1
    for column in range(1, PERMUTATIONS + 1):
        random.shuffle(labels[:, column])
    energy = _energy(distance, labels)
    at_least = int((energy[1:] >= energy[0]).sum())
    np.fill_diagonal(distance, np.inf)
    closest = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    is_second = labels[:, 0] > 0
    return {
        "size": size,
        "energy": float(energy[0]),
        "p": (at_least + 1) / (PERMUTATIONS + 1),
        "permutations": PERMUTATIONS,
        "own_share": float((is_second[closest] == is_second[:, None]).mean()),
    }


def _energy(distance: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Unbiased energy distance (without self-distances) for each column of labels."""
    count = labels[:, 0].sum()
    others = len(labels) - count
    to_ones = distance @ labels
    within = (labels * to_ones).sum(axis=0)
    between = to_ones.sum(axis=0) - within
    rest = distance.sum() - within - 2 * between
    return (
        2 * between / (count * others)
        - within / (count * (count - 1))
        - rest / (others * (others - 1))
    )


def compare_images(model: dict, field: dict) -> dict:
    """Compare the images of a field with those that the model was fitted on.

    Parameters
    ----------
    model, field : dict
        As `description.describe_field` returns them.

    Returns
    -------
    dict
        For each quantity: reference, field; None where unknown. psf_ratio: the wider PSF over the
        narrower one.
    """
    names = ("images_pixel_scale", "psf_fwhm", "sky_limit", "point_limit", "zero_point", "band")
    result: dict = {
        name: {"reference": model.get(name), "field": field.get(name)}
        for name in (*names, "magnitude", "snr")
    }
    widths = [model.get("psf_fwhm"), field.get("psf_fwhm")]
    result["psf_ratio"] = None if None in widths else max(widths) / min(widths)
    return result


def judge(envelope: dict, test: dict | None, images: dict, warnings: Sequence[str] = ()) -> dict:
    """Decide whether the model can be trusted on the field.

    Parameters
    ----------
    envelope, test, images : dict
        As the functions above return them; test is None if too few galaxies have components.
    warnings : sequence of str
        Warnings of `compatibility.check_model`.

    Returns
    -------
    dict
        verdict: one of `VERDICTS`; sentence; reasons: list of level (1 care, 2 no trust), text.
    """
    if test is None or envelope["galaxies"] < FEWEST_TO_COMPARE:
        return {
            "verdict": "not decided",
            "sentence": f"Too few galaxies ({envelope['galaxies']}) to say whether the model can "
            "be trusted here: look at the pictures of the groups.",
            "reasons": [],
        }
    reasons = []

    def weigh(value: float | None, limits: Sequence[float], text: str) -> None:
        level = sum(value is not None and value > limit for limit in limits)
        if level:
            reasons.append({"level": level, "text": text})

    expected = envelope["expected_high"]
    weigh(
        envelope["low"],
        [max(limit, expected) for limit in OUTSIDE],
        f"{100 * envelope['fraction']:.0f} % of its galaxies lie farther from the reference than "
        f"{100 * ENVELOPE:.0f} % of the reference's own do",
    )
    if test["p"] < ALIKE:
        weigh(
            test["own_share"],
            OWN_SHARE,
            f"{100 * test['own_share']:.0f} % of a galaxy's neighbours are of its own field, where "
            "alike fields have 50 %",
        )
    widths = images["psf_fwhm"]
    if images["psf_ratio"] is not None:
        weigh(
            images["psf_ratio"],
            PSF_RATIO,
            f"its PSF has a FWHM of {widths['field']:.3g} arcsec, and the reference's "
            f"{widths['reference']:.3g}",
        )
    for name, median, limit, what in (
        ("point_limit", None, DEPTH, "a point-source limit of {:.1f} mag"),
        ("magnitude", "0.5", MAGNITUDE, "a median magnitude of {:.1f}"),
    ):
        pair = [images[name][side] for side in ("field", "reference")]
        if None not in pair:
            here, there = (value[median] if median else value for value in pair)
            text = f"it has {what.format(here)}, and the reference {there:.1f}"
            weigh(abs(here - there), (limit,), text)
    reasons += [{"level": 1, "text": text} for text in warnings]
    worst = max((reason["level"] for reason in reasons), default=0)
    heard = "; ".join(reason["text"] for reason in reasons if reason["level"] == worst)
    sentence = {
        0: "The field looks like the reference: the model's classes can be used as on it.",
        1: f"Use the model's classes with care: {heard}.",
        2: f"Do not trust the model's classes on this field: {heard}. Fit a model on it.",
    }[worst]
    return {"verdict": VERDICTS[worst], "sentence": sentence, "reasons": reasons}


def check_shift(
    components: np.ndarray,
    reference: np.ndarray,
    distance: np.ndarray,
    images: dict,
    warnings: Sequence[str],
    seed: int,
) -> dict:
    """Compare a field with the reference of its model.

    Parameters
    ----------
    components : ndarray, shape (M, P)
        Components of a random sample of the field, all finite.
    reference : ndarray, shape (R, P)
    distance : ndarray, shape (N,)
        Distances of all galaxies of the field, see `measure_envelope`.
    images : dict
        As `compare_images` returns it.
    warnings : sequence of str
    seed : int

    Returns
    -------
    dict
        verdict, sentence, reasons, envelope, test (None for fewer than 20 galaxies), images.
    """
    envelope = measure_envelope(reference, distance)
    enough = min(len(components), len(reference)) >= FEWEST_TO_COMPARE
    test = compare_samples(reference, components, seed) if enough else None
    result = judge(envelope, test, images, warnings)
    return result | {"envelope": envelope, "test": test, "images": images}


def check_shift_files(
    components: str | Path,
    votes: str | Path,
    embeddings: str | Path,
    voters: str | Path,
    description: str | Path,
    transfer: dict,
    field: dict,
    seed: int,
) -> dict:
    """Run `check_shift` on files.

    Parameters
    ----------
    components, votes, embeddings : path
        Files of the field; of the embeddings, the first shard.
    voters, description : path
        Of the model.
    transfer : dict
        As `compatibility.check_model` returned it before the run.
    field : dict
        As `description.describe_field` returns it.
    seed : int

    Raises
    ------
    InputError
        If the model was fitted again with another pixel scale since the field's cutouts were made.
    """
    model = read_description(description)
    if abs(transfer["pixel_scale"] / model["pixel_scale"] - 1) > SAME_SCALE:
        raise InputError(
            f"{description}: the model now has {model['pixel_scale']:.4g} arcsec a pixel, but the "
            f"cutouts of field {transfer['field']} were made for {transfer['pixel_scale']:.4g}. "
            f"Delete results/{transfer['field']}/transfer.json and run the workflow again."
        )
    fitted = load_voters(voters)[0]
    sample = sample_rows([components], "component", SAMPLE, seed)[0]
    distance = read_shard(votes, ["distance"])["distance"]
    warnings = list(transfer["warnings"])
    found, wanted = read_attributes(embeddings).get("precision"), model["encoder"].get("precision")
    if wanted and found != wanted and not warnings:
        warnings.append(
            f"its embeddings were computed in {found}, and those of the reference in {wanted}"
        )
    images = compare_images(model, field)
    result = check_shift(sample, fitted.reference, distance, images, warnings, seed)
    return {
        "model": {key: model[key] for key in ("field", "galaxies", "reference", "pixel_scale")},
        "conversions": transfer["conversions"],
        **result,
    }
