"""Figures of docs/vote.md, from a finished run of the demo field.

    python benchmarks/vote_story.py results/demo

Needs results/demo/group_scan.json: snakemake results/demo/figures/groups.png. Writes vote.png,
vote_groups.png and vote.csv to `--output`, docs/figures. Also tries a Gaussian mixture as a voter,
which the workflow leaves out.
"""

import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from common import DEMO, FIGURES, new_parser
from astropy.table import Table
from matplotlib.figure import Figure
from sklearn.mixture import GaussianMixture
from tables import print_row, write_table

from morphovote.compute.statistics import fraction_interval
from morphovote.report.figures import groups, style
from morphovote.storage import shards
from morphovote.vote import bagged
from morphovote.vote.controls import null_sample

PARTS = np.array([0, 0.3, 0.45, 0.6, 0.75, 1.001])


def bin_by_votes(share: np.ndarray, hit: np.ndarray) -> list[tuple]:
    """Mean vote fraction, share of hits with its 95 % interval, and number, in bins of the vote."""
    rows = []
    for low, high in pairwise(PARTS):
        inside = (share >= low) & (share < high)
        if inside.any():
            numbers = fraction_interval(int(hit[inside].sum()), int(inside.sum()))
            rows.append((float(share[inside].mean()), *map(float, numbers), int(inside.sum())))
    return rows


def try_mixture(points: np.ndarray) -> list[dict]:
    """Vote with and without a Gaussian mixture among the algorithms, on data and null."""
    cluster, algorithms = bagged.cluster, bagged.ALGORITHMS

    def with_mixture(points: np.ndarray, groups: int, algorithm: str, seed: int) -> np.ndarray:
        if not algorithm.startswith("mixture"):
            return cluster(points, groups, algorithm, seed)
        kind = algorithm.removeprefix("mixture-")
        floor = 1e-3 * float(points.var(axis=0).mean())
        model = GaussianMixture(groups, covariance_type=kind, random_state=seed, reg_covar=floor)
        return model.fit_predict(points)

    bagged.cluster = with_mixture
    rows = []
    for extra in ([], ["mixture-diag"], ["mixture-spherical"]):
        bagged.ALGORITHMS = (*algorithms, *extra)
        began, kept = time.process_time(), {"data": [], "null": []}
        for seed in range(5):
            for kind in kept:
                sample = points if kind == "data" else null_sample(points, seed)
                fitted = bagged.fit_voters(sample, 20, 0.667, seed, 31, quiet=True)
                kept[kind].append(bagged.cast_votes(sample, fitted)["kept"].mean())
        data, null = (float(np.mean(kept[kind])) for kind in ("data", "null"))
        seconds = (time.process_time() - began) / 10
        rows.append({"algorithms": " ".join(bagged.ALGORITHMS), "kept": data, "null": null})
        rows[-1] |= {"ratio": data / null, "seconds": seconds}
    bagged.cluster, bagged.ALGORITHMS = cluster, algorithms
    return rows


@style.styled
def draw(controls: dict, purity: list, stability: list) -> Figure:
    """Confidence, purity and stability against the vote fraction."""
    figure = Figure(figsize=(style.WIDTH, 2.7))
    panels = figure.subplots(1, 3)
    found = controls["confidence"]
    panels[0].fill_between(
        found["vote_fraction"], found["low"], found["high"], color=style.DATA_COLOUR, alpha=0.2
    )
    panels[0].plot(found["vote_fraction"], found["confidence"], color=style.DATA_COLOUR)
    panels[0].axvline(controls["agreement"], color=style.MUTED, ls=":", lw=0.8)
    panels[0].set(ylabel="VOTE_CONFIDENCE")
    for axes, rows, label in (
        (panels[1], purity, "purity of the type"),
        (panels[2], stability, "same group with five seeds"),
    ):
        x, value, low, high, _ = np.array(rows).T
        axes.errorbar(x, value, [value - low, high - value], fmt="o", ms=4, color=style.DATA_COLOUR)
        axes.set(ylabel=label)
    for axes in panels:
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="vote fraction")
    return figure


def main() -> None:
    """Read the run, draw the figures, and print the numbers for the page."""
    parser = new_parser(__doc__, FIGURES)
    parser.add_argument("field", type=Path, nargs="?", default=DEMO)
    options = parser.parse_args()
    run = options.field
    controls = json.loads((run / "vote_controls.json").read_text())
    catalogue = Table.read(run / "catalogue.fits")
    found = Table.read(run / "simulated/truth.fits")
    kinds = dict(zip(found["ID"].astype(str), found["TYPE"].astype(str), strict=True))
    truth = np.array([kinds[str(name)] for name in catalogue["ID"].astype(str)])
    group, share = np.asarray(catalogue["GROUP"]), np.asarray(catalogue["VOTE_FRACTION"], float)
    voted = group >= 0
    right = np.zeros(len(catalogue), bool)
    for number in np.unique(group[voted]):
        names, counts = np.unique(truth[group == number], return_counts=True)
        right |= (group == number) & (truth == names[counts.argmax()])
    purity = bin_by_votes(share[voted], right[voted])
    seeds = Table.read(run / "seed_stability.csv", format="ascii.csv")
    rows = np.asarray(seeds["row"])
    stability = bin_by_votes(share[rows], np.asarray(seeds["stability"]) == 1)
    style.save_figure(draw(controls, purity, stability), options.output / "vote.png")
    scan = json.loads((run / "group_scan.json").read_text())
    style.save_figure(groups.plot_groups(scan)[0], options.output / "vote_groups.png")
    points = shards.read_shard(run / "components.h5", ["component"])["component"]
    mixture = try_mixture(points[np.isfinite(points).all(axis=1)])
    names = ("quantity", "vote_fraction", "value", "low", "high", "galaxies")
    rows = [("purity", *row) for row in purity] + [("same group", *row) for row in stability]
    write_table(options.output / "vote.csv", [dict(zip(names, row, strict=True)) for row in rows])
    for row in mixture:
        print_row(row)
    print(controls["sentence"])
    print({key: controls[key] for key in ("ratio", "voter_ari", "algorithms_ari")})
    print({key: controls["confidence"][key] for key in ("null_share", "at_agreement", "cuts")})
    print({key: value for key, value in controls["seeds"].items() if "ari" not in key})
    print(controls["seeds"]["ari_kept"]["mean"], scan["sentence"])


if __name__ == "__main__":
    main()
