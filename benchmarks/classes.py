"""Classes and probabilities against the truth of simulated fields: what is in docs/classes.md.

    python benchmarks/classes.py results/demo results/second results/third results/fourth

Each folder is a run of a simulated field, finished or up to votes.h5: suggested names need the
measurements. Its groups are named as an expert would name
them who knows the truth: by the commonest true type of their kept members (of all, where fewer than
three are kept). The names are written to <folder>/oracle_names.yaml in the form of `classes.names`.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    balanced_accuracy_score,
)

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from morphovote.classify import assignment, calibration, classes, classifier  # noqa: E402
from morphovote.fields.catalogues import read_table  # noqa: E402
from morphovote.groups.suggestion import FEWEST_MEMBERS, suggest_names  # noqa: E402
from morphovote.measure.quality import MEASURED, trusted  # noqa: E402
from morphovote.report.figures import style  # noqa: E402
from morphovote.storage import shards  # noqa: E402
from morphovote.storage.files import write_yaml  # noqa: E402
from morphovote.storage.rows import align_rows  # noqa: E402

FIGURES = ROOT / "docs/figures"
DRAWN = ("demo", "second")
# Galaxies classified "by eye": a random sample of the field whose true types are used as labels.
CHECKED, SEEDS = 100, 10


def read_run(folder: Path) -> dict:
    """Truth, votes, components and measurements of a run, one row a galaxy."""
    votes = shards.read_shard(folder / "votes.h5")
    truth = read_table(folder / "simulated/truth.fits")[votes["row"]]
    places = [sorted((folder / stage).glob("*.h5")) for stage in ("measurements", "cutouts")]
    shape = None
    if places[0]:
        shape = shards.concatenate(places[0], ["row", "measure_flag", "flags", *MEASURED])
        shape = align_rows(votes["row"], shape)
    light = shards.concatenate(places[1], ["row", "snr", "flags"])
    return {
        "votes": votes,
        "groups": int(shards.read_attributes(folder / "votes.h5")["groups"]),
        "voters": str(shards.read_attributes(folder / "votes.h5")["voters"]),
        "component": shards.read_shard(folder / "components.h5", ["component"])["component"],
        "true": np.asarray(truth["TYPE"]).astype(str),
        "mag": np.asarray(truth["MAG"], float),
        "shape": shape,
        "light": align_rows(votes["row"], light),
    }


def oracle_names(run: dict) -> dict[int, str]:
    """Commonest true type of each group's kept members."""
    names = {}
    for number in range(run["groups"]):
        member = run["votes"]["group"] == number
        core = member & run["votes"]["kept"]
        use = core if core.sum() >= FEWEST_MEMBERS else member
        kinds, counts = np.unique(run["true"][use], return_counts=True)
        names[number] = str(kinds[counts.argmax()]) if use.any() else "UNC"
    return names


def classify_run(run: dict, names: dict[int, str], checked=None) -> tuple[dict, dict]:
    """Classes of all galaxies, and how the classifier does on kept galaxies left out."""
    votes, rows = run["votes"], np.flatnonzero(run["votes"]["kept"] & ~run["votes"]["outlier"])
    labels = np.array([names[int(group)] for group in votes["group"][rows]])
    model, held = classifier.fit_classifier(run["component"][rows], labels)
    seen = run["component"][checked[0]] if checked else run["component"][:0]
    model, _ = assignment.complete_model(votes, names, seen, model, checked)
    found = assignment.classify(votes, names, run["component"], model)
    right = model["names"][held.argmax(axis=1)] == labels
    return found, {"probability": held.max(axis=1), "right": right}


def print_table(header: list[str], rows: list[list]) -> None:
    """A table in Markdown."""
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        cells = [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row]
        print("| " + " | ".join(cells) + " |")
    print()


def score(true: np.ndarray, given: np.ndarray) -> list[float]:
    """Accuracy, balanced accuracy, ARI and AMI."""
    return [
        float(np.mean(true == given)),
        float(balanced_accuracy_score(true, given)),
        float(adjusted_rand_score(true, given)),
        float(adjusted_mutual_info_score(true, given)),
    ]


def print_scores(run: dict, named: dict[str, dict], found: dict) -> None:
    """Overall scores of suggested and oracle names, of kept and other galaxies."""
    kept, rows = run["votes"]["kept"], []
    for title, use in (("all", kept | True), ("kept", kept), ("not kept", ~kept)):
        alone = score(run["true"][use], run["votes"]["group"][use].astype(str))[2:]
        rows.append(["groups alone", title, int(use.sum()), "", "", *alone])
        for name, one in (named | {"oracle": found}).items():
            rows.append([name, title, int(use.sum()), *score(run["true"][use], one["class"][use])])
    print_table(["names", "galaxies", "number", "accuracy", "balanced", "ARI", "AMI"], rows)


def print_by_class(run: dict, found: dict) -> None:
    """Purity and completeness of each class in thirds of magnitude and of S/N."""
    for key, label in (("mag", "magnitude"), ("snr", "S/N")):
        values = run["mag"] if key == "mag" else run["light"]["snr"]
        edges = np.nanpercentile(values, [0, 100 / 3, 200 / 3, 100])
        part = np.clip(np.searchsorted(edges, values, "right") - 1, 0, 2)
        rows = []
        for name in classes.CLASSES:
            row = [name]
            for i in range(3):
                given, real = found["class"] == name, run["true"] == name
                hit = (given & real)[part == i].sum()
                row.append(f"{_ratio(hit, given[part == i].sum())}")
                row.append(f"{_ratio(hit, real[part == i].sum())}")
            rows.append(row)
        spans = [f"{edges[i]:.3g} to {edges[i + 1]:.3g}" for i in range(3)]
        header = [cell for span in spans for cell in (f"purity, {label} {span}", "completeness")]
        print_table(["class", *header], rows)


def _ratio(hits: int, total: int) -> str:
    return f"{hits / total:.2f} ({hits}/{total})" if total else "no galaxy"


def check_probabilities(run: dict, names: dict[int, str], held: dict, found: dict) -> dict:
    """Reliability against the vote, against the truth, and after correction by eye."""
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
        near = (probability >= 0.75) & (probability < 0.85)
        share = f"{hit[near].mean():.2f} of {near.sum()}" if near.any() else "none"
        wanted = ("right", "mean_probability", "error", "error_by_chance")
        rows.append([title, len(hit), *(numbers[name] for name in wanted), share])
    header = ["probability", "galaxies", "right", "mean claim", "error", "by chance"]
    print_table([*header, "right at 0.75 to 0.85"], rows)
    return checks


def purity_parts(run: dict, names: dict[int, str]) -> dict[str, np.ndarray]:
    """What `CLASS_PROB` is made of (see `assignment.weigh_classes`), and the truth.

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
    """The likeliest purity of the groups of some fields together."""
    vote, common, right = (
        np.concatenate([part[name] for part in parts]) for name in ("vote", "common", "right")
    )

    def loss(purity: float) -> float:
        claim = np.clip(purity * vote + (1 - purity) * common, 1e-6, 1 - 1e-6)
        return -float(np.mean(np.where(right, np.log(claim), np.log(1 - claim))))

    return float(minimize_scalar(loss, bounds=(0.05, 1), method="bounded").x)


def check_purity(parts: dict[str, dict[str, np.ndarray]]) -> None:
    """Purity of each field's groups, and how that of the other fields does on it."""
    rows = []
    for name, part in parts.items():
        others = fit_purity([one for other, one in parts.items() if other != name])
        for title, purity in (("pure", 1.0), (f"{others:.2f}, of the other fields", others)):
            for label, use in (("all", part["right"] | True), ("kept", part["kept"])):
                claim = purity * part["vote"] + (1 - purity) * part["common"]
                claim, right = claim[use], part["right"][use]
                numbers = calibration.summarise_calibration(claim, right)
                near = (claim >= 0.75) & (claim < 0.85)
                share = f"{right[near].mean():.2f} of {near.sum()}" if near.any() else "none"
                wanted = ("right", "mean_probability", "error", "error_by_chance", "brier")
                rows.append([name, title, label, *(numbers[one] for one in wanted), share])
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
        print(f"area under risk and coverage, {label}: {risk.mean():.3f}")
    right.set(xlim=(0, 1), ylim=(0, None), xlabel="coverage", ylabel="risk: share that is wrong")
    right.legend(loc="lower right")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    style.save_figure(figure, path)
    print()


def print_suggestions(run: dict, suggestion: dict[int, dict]) -> None:
    """Suggested names, and two rules that were tried and not taken."""
    kept, rows = run["votes"]["kept"], []
    clear = {n: one["medians"] for n, one in suggestion.items() if is_clear(one)}
    clear = {n: {m: one.get(m, np.nan) for m in MEASURED} for n, one in clear.items()}
    sizes = np.array([suggestion[number]["galaxies"] for number in clear], float)
    ranks = dict(zip(clear, rank_medians(list(clear.values()), sizes), strict=True))
    rules = {
        "as suggested": {},
        "C and Gini-M20 by rank, disturbance by rank": {
            n: by_rank(clear[n], ranks[n]) for n in clear
        },
        "n, C and Gini-M20 by published limits": {n: by_limits(clear[n]) for n in clear},
    }
    for title, changed in rules.items():
        names = {number: entry["class"] for number, entry in suggestion.items()} | changed
        given = np.array([names[int(group)] for group in run["votes"]["group"]])
        row = [title]
        for use in (kept | True, kept):
            row += score(run["true"][use], given[use])[:2]
        right = [float((given[run["true"] == kind] == kind).mean()) for kind in classes.CLASSES]
        rows.append([*row, *right])
    header = ["rule", "accuracy", "balanced", "kept: accuracy", "kept: balanced"]
    print_table([*header, *(f"completeness {kind}" for kind in classes.CLASSES)], rows)


def is_clear(entry: dict) -> bool:
    """Whether a group's class follows from its shape, and not from too little of it to see."""
    why = entry["reason"]
    faint = why.startswith("median S/N") or "% of members" in why or "members measured" in why
    return "medians" in entry and not faint


def is_merger(medians: dict[str, float]) -> bool:
    """Beyond the published limits of disturbance (Lotz et al. 2008, eq. 4; Conselice 2003)."""
    asymmetry = medians["asymmetry"]
    lopsided = asymmetry > 0.35 and asymmetry > medians["smoothness"]
    return lopsided or medians["gini"] > -0.14 * medians["m20"] + 0.33


def by_limits(medians: dict[str, float]) -> str:
    """Bulge by n, and by published limits on C and Gini-M20, in equal parts."""
    if is_merger(medians):
        return "IRR"
    n, concentration = medians["sersic_n"], medians["concentration"]
    marks = [2 if n >= 2.5 else 1 if n >= 1.5 else 0] if np.isfinite(n) else []
    marks.append(2 if concentration >= 4.15 else 1 if concentration >= 3.5 else 0)
    marks.append(2 if medians["gini"] > 0.14 * medians["m20"] + 0.80 else 0)
    if np.mean(marks) > 1.5:
        return "SPH" if not medians["axis_ratio"] < 0.4 else "ETD"
    return "ETD" if np.mean(marks) >= 0.5 else "IRR" if medians["asymmetry"] > 0.2 else "LTD"


def by_rank(medians: dict[str, float], ranks: dict[str, float]) -> str:
    """C, Gini-M20 and disturbance by thirds of the field's own groups, n by its value."""
    if is_merger(medians):
        return "IRR"
    n, thirds = medians["sersic_n"], {key: int(min(3 * rank, 2)) for key, rank in ranks.items()}
    marks = [thirds["concentration"], thirds["bulge"]]
    marks += [2 if n >= 2.5 else 1 if n >= 1.5 else 0] if np.isfinite(n) else []
    if np.mean(marks) > 1.5:
        return "SPH" if not medians["axis_ratio"] < 0.4 else "ETD"
    return "ETD" if np.mean(marks) >= 0.5 else "IRR" if thirds["disturbance"] == 2 else "LTD"


def rank_medians(medians: list[dict[str, float]], weight: np.ndarray) -> list[dict[str, float]]:
    """Rank of each group in C, and in the bulge and the merger statistic of Snyder et al. 2015."""

    def rank(values: np.ndarray) -> np.ndarray:
        lower = (values[None, :] < values[:, None]) @ weight
        return (lower + (values[None, :] == values[:, None]) @ weight / 2) / weight.sum()

    column = {key: np.array([one[key] for one in medians]) for key in MEASURED}
    gini, m20 = column["gini"], column["m20"]
    merger = rank(0.139 * m20 + 0.990 * gini - 0.327)
    found = {
        "concentration": rank(column["concentration"]),
        "bulge": rank(-0.693 * m20 + 4.95 * gini - 3.96),
        "disturbance": rank((rank(column["asymmetry"]) + merger) / 2),
    }
    return [{key: float(values[i]) for key, values in found.items()} for i in range(len(medians))]


def main() -> None:
    parts = {}
    for folder in map(Path, sys.argv[1:]):
        run = read_run(folder)
        names = oracle_names(run)
        entries = {number: {"class": name} for number, name in names.items()}
        content = {"version": 1, "who": "the simulation's truth", "voters": run["voters"]}
        write_yaml(folder / "oracle_names.yaml", content | {"groups": entries})
        print(f"## {folder.name}: {len(run['true'])} galaxies, {run['groups']} groups\n")
        named, suggestion = {}, None
        if run["shape"] is not None:
            suggestion = suggest_names(
                run["votes"]["group"],
                run["votes"]["kept"],
                run["groups"],
                trusted(run["shape"]),
                run["light"]["snr"],
                run["light"]["flags"] | run["shape"]["flags"],
            )
            suggested = {number: entry["class"] for number, entry in suggestion.items()}
            named = {"suggested": classify_run(run, suggested)[0]}
        found, held = classify_run(run, names)
        print_scores(run, named, found)
        print_by_class(run, found)
        checks = check_probabilities(run, names, held, found)
        if folder.name in DRAWN:
            draw(checks, run, found, FIGURES / f"classes_{folder.name}.png")
        if suggestion:
            print_suggestions(run, suggestion)
        parts[folder.name] = purity_parts(run, names)
    if len(parts) > 2:
        check_purity(parts)


if __name__ == "__main__":
    main()
