"""Check the calibration of class probabilities, for `classes.py`."""

from pathlib import Path

import numpy as np
from class_runs import classify_run
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar
from tables import print_table

from morphovote.classify import assignment, calibration, classes
from morphovote.report.figures import style

# Galaxies classified "by eye": a random sample of the field whose true types are used as labels.
CHECKED, SEEDS = 100, 10
# Range of probabilities for which the share that is right is also printed.
NEAR = (0.75, 0.85)


def check_probabilities(run: dict, names: dict[int, str], held: dict, found: dict) -> dict:
    """Reliability compared with the vote, with the truth, and after correction by eye."""
    right = found["class"] == run["true"]
    decided = found["class_origin"] != "none"
    kept = run["votes"]["kept"]
    checks = {
        "classifier, against the vote (held-out)": (held["probability"], held["right"]),
        "CLASS_PROB, against the truth": (found["class_prob"][decided], right[decided]),
        "the same, kept galaxies": (found["class_prob"][decided & kept], right[decided & kept]),
        "the same, others": (found["class_prob"][decided & ~kept], right[decided & ~kept]),
    }
    parts = []
    for seed in range(SEEDS):
        rows = np.sort(np.random.default_rng(seed).choice(len(right), CHECKED, replace=False))
        labels = run["true"][rows].astype(object)
        corrected, _ = classify_run(run, names, (rows, labels))
        rest = decided.copy()
        rest[rows] = False
        parts.append((corrected["class_prob"][rest], right[rest]))
    checks[f"corrected with {CHECKED} by eye, others ({SEEDS} samples)"] = tuple(
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    rows = []
    for title, (probability, hit) in checks.items():
        numbers = calibration.summarise_calibration(np.asarray(probability, float), hit)
        wanted = ("right", "mean_probability", "error", "error_by_chance")
        row = [title, len(hit), *(numbers[name] for name in wanted)]
        rows.append([*row, share_right(probability, hit)])
    header = ["probability", "galaxies", "right", "mean claim", "error", "by chance"]
    print_table([*header, "right at 0.75 to 0.85"], rows)
    return checks


def share_right(claim: np.ndarray, right: np.ndarray) -> str:
    """Share that is right among galaxies of a probability near 0.8, and their number."""
    near = (claim >= NEAR[0]) & (claim < NEAR[1])
    return f"{right[near].mean():.2f} of {near.sum()}" if near.any() else "none"


def purity_parts(run: dict, names: dict[int, str]) -> dict[str, np.ndarray]:
    """Terms of `CLASS_PROB` (see `assignment.weigh_classes`), and the truth.

    Returns
    -------
    dict of ndarray, shape (N,)
        vote (probability if groups were pure), common (share of the class in the field), right,
        kept; of galaxies with a class.
    """
    found, _ = classify_run(run, names)
    given = found["class_origin"] != "none"
    order = classes.order_names([*classes.CLASSES, *names.values()])
    share = assignment.share_votes(run["votes"]["counts"], names, order)
    share = share[run["votes"]["group"] >= 0].mean(axis=0)
    common = np.array([share[order.index(name)] for name in found["class"][given]])
    purity = assignment.PURITY
    vote = (found["class_prob"][given] - (1 - purity) * common) / purity
    right = (found["class"] == run["true"])[given]
    return {"vote": vote, "common": common, "right": right, "kept": run["votes"]["kept"][given]}


def fit_purity(parts: list[dict[str, np.ndarray]]) -> float:
    """Maximum-likelihood purity of the groups of several fields together."""
    vote, common, right = (
        np.concatenate([part[name] for part in parts]) for name in ("vote", "common", "right")
    )

    def loss(purity: float) -> float:
        claim = np.clip(purity * vote + (1 - purity) * common, 1e-6, 1 - 1e-6)
        return -float(np.mean(np.where(right, np.log(claim), np.log(1 - claim))))

    return float(minimize_scalar(loss, bounds=(0.05, 1), method="bounded").x)


def check_purity(parts: dict[str, dict[str, np.ndarray]]) -> None:
    """Purity of each field's groups, and how well the purity of the other fields fits it."""
    rows = []
    for name, part in parts.items():
        others = fit_purity([one for other, one in parts.items() if other != name])
        for title, purity in (("pure", 1.0), (f"{others:.2f}, of the other fields", others)):
            for label, use in (("all", part["right"] | True), ("kept", part["kept"])):
                claim = purity * part["vote"] + (1 - purity) * part["common"]
                claim, right = claim[use], part["right"][use]
                numbers = calibration.summarise_calibration(claim, right)
                wanted = ("right", "mean_probability", "error", "error_by_chance", "brier")
                row = [name, title, label, *(numbers[one] for one in wanted)]
                rows.append([*row, share_right(claim, right)])
    header = ["field", "purity", "galaxies", "right", "mean claim", "error", "by chance", "Brier"]
    print_table([*header, "right at 0.75 to 0.85"], rows)
    for name, part in parts.items():
        print(f"purity of {name} alone: {fit_purity([part]):.2f}")
    rest = list(parts.values())[1:]
    print(f"purity of all but the first: {fit_purity(rest):.3f}")


@style.styled
def draw(checks: dict, run: dict, found: dict, path: Path) -> None:
    """Reliability curves, and risk against coverage."""
    figure = Figure(figsize=(style.WIDTH, 3.1))
    left, right = figure.subplots(1, 2)
    styles = zip(
        checks.items(), ("#0072B2", "#D55E00", "#E69F00", "#009E73", "#222222"), strict=True
    )
    for (title, (probability, hit)), colour in styles:
        curve = calibration.reliability_curve(np.asarray(probability, float), hit)
        x, y = np.array(curve["probability"]), np.array(curve["right"])
        errors = np.clip([y - curve["right_low"], curve["right_high"] - y], 0, None)
        left.errorbar(x, y, errors, fmt="o-", color=colour, ms=3.5, lw=1, label=title)
    left.plot([0, 1], [0, 1], color=style.PALE, zorder=0)
    left.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="probability", ylabel="share that is right")
    decided = found["class_origin"] != "none"
    wrong = (found["class"] != run["true"])[decided]
    for key, label, colour in (
        ("class_prob", "by CLASS_PROB", "#D55E00"),
        ("vote_fraction", "by VOTE_FRACTION", "#0072B2"),
        ("snr", "by S/N", "#888888"),
    ):
        values = {"class_prob": found["class_prob"], "snr": run["light"]["snr"]}.get(key)
        values = (run["votes"]["vote_fraction"] if values is None else values)[decided]
        order = np.argsort(-values, kind="stable")
        count = np.arange(1, len(order) + 1)
        # The first few galaxies alone would make the curve jump.
        shown = count >= 20
        risk = np.cumsum(wrong[order]) / count
        right.plot((count / len(order))[shown], risk[shown], color=colour, label=label)
        print(f"area under the risk-coverage curve, {label}: {risk.mean():.3f}")
    right.set(xlim=(0, 1), ylim=(0, None), xlabel="coverage", ylabel="risk: share that is wrong")
    right.legend(loc="lower right")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    style.save_figure(figure, path)
    print()
