"""How right the classes of real galaxies are, without labels, for docs/classes.md.

    python benchmarks/real_classes.py [--data ../shared/data] [--sets ceers hst_zoo sdss]

Runs the workflow on each set up to the classes, with anchors, and compares with the classes by eye.
An answer counts as right where it does not contradict the eye: a volunteer's spiral may be ETD or
LTD (`real_fields.CLASSES`). "Medians" are the classes that the same run would have given without
anchors; intervals (95 %) are by bootstrap over the galaxies.
"""

from pathlib import Path

import numpy as np
from common import DATA, WORK, new_parser, run_workflow
from astropy.table import Table
from class_runs import classify_run
from real_fields import CLASSES, READERS, make_real_field
from tables import print_table

from morphovote.storage import shards
from morphovote.storage.model_folder import read_names
from morphovote.storage.rows import align_rows

RESAMPLINGS = 1000
HEAD = ["set", "names", "class by eye", "galaxies", "right", "SPH", "ETD", "LTD", "IRR", "UNC"]


def run_set(name: str, data: Path, folder: Path, cores: int) -> Path:
    """Run the workflow up to the classes of a set; folder of its results."""
    config = make_real_field(name, data, folder)
    run_workflow(folder, config, f"results/{name}/classes.h5", cores)
    return folder / "results" / name


def read_classes(run: Path) -> dict[str, dict[str, np.ndarray]]:
    """Class of each galaxy by id, as the run gives it and as the groups' medians would have."""
    votes = shards.read_shard(run / "votes.h5")
    found = align_rows(votes["row"], shards.read_shard(run / "classes.h5", ["row", "class"]))
    classes = {"anchors": found["class"].astype(str)}
    entries = read_names(run / "model/names.yaml")["groups"]
    names = {number: str(entry.get("medians_say", "")) for number, entry in entries.items()}
    if all(names.values()):
        component = shards.read_shard(run / "components.h5", ["component"])["component"]
        classes["medians"] = classify_run({"votes": votes, "component": component}, names)[0][
            "class"
        ]
    return {"id": votes["id"].astype(str)} | classes


def compare_classes(name: str, run: Path, seen: Path) -> list[list]:
    """Rows of the table for one set."""
    found = read_classes(run)
    table = Table.read(seen, converters={"ID": str})
    place = {galaxy: row for row, galaxy in enumerate(found["id"])}
    rows = np.array([place[str(galaxy)] for galaxy in table["ID"]])
    eye, lines = np.asarray(table["CLASS"]).astype(str), []
    for names in ("medians", "anchors"):
        if names not in found:
            continue
        given = found[names][rows]
        right = np.array([one in CLASSES[name][kind] for one, kind in zip(given, eye, strict=True)])
        for kind in CLASSES[name]:
            those = eye == kind
            counts = [int((given[those] == c).sum()) for c in ("SPH", "ETD", "LTD", "IRR", "UNC")]
            lines.append([name, names, kind, int(those.sum()), float(right[those].mean()), *counts])
        lines.append([name, names, "balanced", len(eye), balanced(right, eye), *[""] * 5])
    return lines


def balanced(right: np.ndarray, eye: np.ndarray) -> str:
    """Mean over the classes by eye of the share that is right, with its 95 % interval."""
    rng, kinds = np.random.default_rng(0), np.unique(eye)
    means = [
        np.mean([rng.choice(right[eye == kind], (eye == kind).sum()).mean() for kind in kinds])
        for _ in range(RESAMPLINGS)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{np.mean([right[eye == kind].mean() for kind in kinds]):.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Run the sets and print the table."""
    parser = new_parser(__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK / "real")
    parser.add_argument("--sets", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    lines = []
    for name in options.sets:
        folder = options.work / name
        run = run_set(name, options.data, folder, options.cores)
        lines += compare_classes(name, run, folder / "classes.csv")
    print_table(HEAD, lines)


if __name__ == "__main__":
    main()
