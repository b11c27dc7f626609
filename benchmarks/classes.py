"""Compare classes and probabilities with the truth of simulated fields, for docs/classes.md.

    python benchmarks/classes.py results/demo results/second results/third results/fourth

Each folder is a run of a simulated field, finished or up to votes.h5 (suggested names need the
measurements). Its groups are named as by an expert who knows the truth: by the commonest true type
of their kept members (of all members, if fewer than three are kept). The names are written to
<folder>/oracle_names.yaml in the form of `classes.names`.
"""

from pathlib import Path

import numpy as np
from common import FIGURES, new_parser
from class_probabilities import check_probabilities, check_purity, draw, purity_parts
from class_rules import print_suggestions
from class_runs import classify_run, oracle_names, read_run, score
from tables import print_table

from morphovote.classify import classes
from morphovote.groups.suggestion import suggest_names
from morphovote.measure.quality import trusted
from morphovote.storage.files import write_yaml

DRAWN = ("demo", "second")


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


def name_groups(run: dict) -> dict[int, dict] | None:
    """The names that the workflow would suggest; None if nothing is measured yet."""
    if run["shape"] is None:
        return None
    return suggest_names(
        run["votes"]["group"],
        run["votes"]["kept"],
        run["groups"],
        trusted(run["shape"]),
        run["light"]["snr"],
        run["light"]["flags"] | run["shape"]["flags"],
    )


def main() -> None:
    """Name, classify, and compare with the truth."""
    parser = new_parser(__doc__, FIGURES)
    parser.add_argument("fields", type=Path, nargs="+", metavar="field", help="results/demo ...")
    options = parser.parse_args()
    parts = {}
    for folder in options.fields:
        run = read_run(folder)
        names = oracle_names(run)
        entries = {number: {"class": name} for number, name in names.items()}
        content = {"version": 1, "who": "the simulation's truth", "voters": run["voters"]}
        write_yaml(folder / "oracle_names.yaml", content | {"groups": entries})
        print(f"## {folder.name}: {len(run['true'])} galaxies, {run['groups']} groups\n")
        named, suggestion = {}, name_groups(run)
        if suggestion is not None:
            suggested = {number: entry["class"] for number, entry in suggestion.items()}
            named = {"suggested": classify_run(run, suggested)[0]}
        found, held = classify_run(run, names)
        print_scores(run, named, found)
        print_by_class(run, found)
        checks = check_probabilities(run, names, held, found)
        if folder.name in DRAWN:
            draw(checks, run, found, options.output / f"classes_{folder.name}.png")
        if suggestion is not None:
            print_suggestions(run, suggestion)
        parts[folder.name] = purity_parts(run, names)
    if len(parts) > 2:
        check_purity(parts)


if __name__ == "__main__":
    main()
