"""A made-up field for the tests of diagnostics: tables and stamps with known numbers."""

import numpy as np
from astropy.table import Table

from morphovote import flags
from morphovote.checks import class_tests, confounders

CLASS_OF_GROUP = ("SPH", "ETD", "ETD", "LTD", "LTD", "IRR", "UNC")
# Medians of Gini, M20, C, A, n and r_e (arcsec) by class.
CENTRES = {
    "SPH": (0.60, -2.0, 4.0, 0.05, 3.6, 0.25),
    "ETD": (0.54, -1.8, 3.4, 0.10, 2.0, 0.35),
    "LTD": (0.47, -1.6, 2.8, 0.18, 1.0, 0.55),
    "IRR": (0.47, -1.1, 2.6, 0.35, 0.8, 0.60),
    "UNC": (0.45, -1.3, 2.5, 0.20, 1.0, 0.20),
}


def make_catalogue(count: int = 120, seed: int = 0, groups: int = 7) -> Table:
    """Catalogue with the columns of the contract; the last three sources are not voted on."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, count)
    names = np.array([CLASS_OF_GROUP[g % len(CLASS_OF_GROUP)] for g in range(groups)])
    name = names[group]
    snr = 10 ** rng.normal(1.5, 0.4, count)
    kept = rng.random(count) < 1 / (1 + (12 / snr) ** 1.5)
    vote = np.where(kept, rng.integers(20, 31, count), rng.integers(6, 20, count)) / 30
    centre = np.array([CENTRES[n] for n in name])
    scatter = rng.normal(size=centre.shape)
    flag = np.where(snr < 10, flags.LOW_SNR, 0) | np.where(rng.random(count) < 0.1, flags.BLEND, 0)
    flag[-3:] = (flags.NO_DATA, flags.NO_DATA, flags.NOT_SELECTED)
    group[-3:], kept[-3:], vote[-3:], name[-3:] = -1, False, np.nan, ""
    origin = np.where(kept, "vote", "classifier")
    origin[-3:] = "none"
    catalogue = Table(
        {
            "ID": [f"G{i:06d}" for i in range(count)],
            "RA": 150 + rng.random(count),
            "DEC": 2 + rng.random(count),
            "GROUP": group,
            "VOTE_FRACTION": vote,
            "VOTE_CONFIDENCE": np.clip(1.6 * vote - 0.6, 0, 1),
            "GROUP_SECOND": np.where(group >= 0, (group + 1) % groups, -1),
            "KEPT": kept,
            "CLASS": name,
            "CLASS_PROB": vote,
            "CLASS_SECOND": np.roll(name, 1),
            "CLASS_ORIGIN": origin,
            "CLASS_REASON": np.where(
                name == "UNC", "unclassifiable", np.where(name == "", "no data", "")
            ),
            "FLAGS": flag,
            "SNR": snr,
            "GINI": centre[:, 0] + 0.04 * scatter[:, 0],
            "M20": centre[:, 1] + 0.2 * scatter[:, 1],
            "CONCENTRATION": centre[:, 2] + 0.3 * scatter[:, 2],
            "ASYMMETRY": centre[:, 3] + 0.08 * scatter[:, 3],
            "SMOOTHNESS": 0.05 + 0.03 * rng.random(count),
            "SERSIC_N": centre[:, 4] * np.exp(0.3 * scatter[:, 4]),
            "R_E": centre[:, 5] * np.exp(0.4 * scatter[:, 5]),
            "AXIS_RATIO": rng.random(count),
            "MEASURE_FLAG": np.zeros(count, dtype=int),
        }
    )
    for column in ("GINI", "M20", "CONCENTRATION", "ASYMMETRY", "SERSIC_N", "R_E"):
        catalogue[column][-3:] = np.nan
    return catalogue


def make_sources(catalogue: Table, seed: int = 0) -> Table:
    """Columns of a source catalogue for the catalogue's rows: spheroids red, the rest blue."""
    rng = np.random.default_rng(seed)
    count = len(catalogue)
    red = np.asarray(catalogue["CLASS"]) == "SPH"
    v_j = np.where(red, rng.normal(1.1, 0.15, count), rng.normal(0.8, 0.3, count))
    u_v = np.where(red, rng.normal(1.85, 0.12, count), 0.4 + 0.8 * v_j)
    u_v = u_v + rng.normal(0, 0.12, count)
    return Table(
        {
            "MAG": 25 - 2.5 * np.log10(np.asarray(catalogue["SNR"]) / 10),
            "REDSHIFT": rng.uniform(0.2, 1.2, count),
            "LOG_MASS": rng.normal(9.8, 0.6, count),
            "U_V": u_v,
            "V_J": v_j,
        }
    )


def make_mid(catalogue: Table, seed: int = 0) -> Table:
    """Multimode, intensity and deviation for the catalogue's rows; half of them 0."""
    values = np.random.default_rng(seed).exponential(0.1, (3, len(catalogue)))
    values[:, ::2] = 0
    return Table(dict(zip(("multimode", "intensity", "deviation"), values, strict=True)))


def make_tests(catalogue: Table, sources: Table) -> tuple[dict, dict]:
    """Tests of the classes and an audit of the groups, as the summary has them."""
    samples = class_tests.choose_samples(sources, 10.0)
    values = class_tests.measured_values(catalogue, sources)
    table = class_tests.compare_classes(catalogue["CLASS"], values, samples, resamples=20)
    comparisons = [
        {
            name: value if value == value else None
            for name, value in zip(row.colnames, row, strict=True)
        }
        for row in table
    ]
    ordering = class_tests.check_ordering(table)
    tests = class_tests.summarise_tests(catalogue, sources, 10.0, comparisons, ordering)
    overall, groups = confounders.audit_groups(
        {"snr": np.asarray(catalogue["SNR"])}, np.asarray(catalogue["GROUP"]), permutations=30
    )
    rows = ([dict(zip(t.colnames, row, strict=True)) for row in t] for t in (groups, overall))
    return tests, confounders.summarise_audit(*rows)


def make_stamps(catalogue: Table, size: int = 40, seed: int = 0):
    """Noisy and noiseless exponential-to-de Vaucouleurs stamps, with their rms maps."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    clean = np.zeros((len(catalogue), size, size), dtype=np.float32)
    for i, row in enumerate(catalogue):
        if row["GROUP"] < 0:
            continue
        ratio, angle = rng.uniform(0.3, 1), rng.uniform(0, np.pi)
        u = x * np.cos(angle) + y * np.sin(angle)
        v = (-x * np.sin(angle) + y * np.cos(angle)) / ratio
        radius = np.hypot(u, v) / (8 * row["R_E"])
        clean[i] = row["SNR"] / 4 * np.exp(-((radius + 0.05) ** (1 / row["SERSIC_N"])) * 1.7)
        if row["CLASS"] in ("LTD", "IRR"):
            clean[i] *= 1 + 0.6 * np.cos(2 * np.arctan2(v, u) - 3 * np.log(radius + 0.1))
    rms = np.full(clean.shape, 0.1, dtype=np.float32)
    return clean + rng.normal(0, 0.1, clean.shape).astype(np.float32), clean, rms


def make_controls(null: float = 0.43, data: float = 0.74) -> dict:
    """Controls of the vote as `controls.check_vote` gives them."""
    votes = np.arange(31)
    null_votes = np.exp(-(((votes - 19) / 6) ** 2))
    return {
        "galaxies": 117,
        "voters": 30,
        "groups": 7,
        "agreement": 0.667,
        "data": _repeated([data - 0.01, data + 0.01, data, data]),
        "null": _repeated([null - 0.02, null + 0.02, null, null, null]),
        "ratio": {
            "value": data / null if null else None,
            "low": data / (null + 0.02),
            "high": data / (null - 0.02) if null > 0.02 else None,
        },
        "vote_histogram": {
            "data": (votes / votes.sum()).tolist(),
            "null": (null_votes / null_votes.sum()).tolist(),
        },
        "seeds": {
            "ari_all": {"pairs": [0.7, 0.72], "mean": 0.71},
            "ari_kept": {"pairs": [0.9], "mean": 0.9},
            "kept_in_both": 0.6,
            "stability": 0.85,
            "stability_kept": 0.99,
            "same_group": 0.6,
            "same_group_kept": 0.97,
        },
        "seed_ari": 0.71,
        "voter_ari": 0.55,
        "algorithms_ari": {"kmeans-ward": 0.7},
        "algorithms": [["kmeans"], ["ward", "birch"]],
        "confidence": {
            "null_share": 0.4,
            "at_agreement": 0.93,
            "cuts": {"0.5": 0.5, "0.8": 0.6, "0.9": 0.65, "0.95": None},
        },
        "sentence": "",
    }


def _repeated(values: list[float]) -> dict:
    values = [max(value, 0.0) for value in values]
    mean = float(np.mean(values))
    return {"values": values, "mean": mean, "low": max(mean - 0.02, 0.0), "high": mean + 0.02}


def names_of_groups(catalogue):
    """Class of each group: that of its first member who has one by vote."""
    named = catalogue[np.asarray(catalogue["CLASS_ORIGIN"], dtype=str) == "vote"]
    groups, first = np.unique(named["GROUP"], return_index=True)
    return {int(g): str(named["CLASS"][i]) for g, i in zip(groups, first, strict=True) if g >= 0}


def make_stability(galaxies: int = 40, seed: int = 0) -> tuple[dict, dict]:
    """Table and attributes of a stability check in which noise does harm and rotation does not."""
    rng = np.random.default_rng(seed)
    kinds = ["exact", "turned", "turned", "noise", "noise", "psf"] * galaxies
    count = len(kinds)
    noisy = np.isin(kinds, ["noise", "psf"])
    same = ~noisy | (rng.random(count) < 0.5)
    row = np.repeat(np.arange(galaxies), 6)
    table = {
        "row": row,
        "id": row.astype(str),
        "snr": 10 ** rng.normal(1.5, 0.4, galaxies)[row],
        "was_kept": (row % 2 == 0),
        "kind": np.array(kinds, dtype=object),
        "amount": np.tile([90.0, 22.5, 67.5, 1.5, 2.0, 3.0], galaxies),
        "mirrored": np.zeros(count, bool),
        "moved": rng.random(count),
        "group": np.zeros(count, int),
        "vote_fraction": rng.random(count),
        "kept": np.ones(count, bool),
    }
    table |= {name: same for name in ("retrieved", "unchanged", "unchanged_unseen")}
    return table, {"galaxies": galaxies, "rivals": 100, "psf_fwhm": 3.0, "seed": 0}
