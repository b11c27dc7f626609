"""How much labels by eye are worth on real galaxies, for docs/classes.md.

    python benchmarks/real_labels.py [--work results/benchmarks/real] [--sets ceers hst_zoo sdss]

Takes the runs that `real_classes.py` leaves, and the classes by eye in its own words. Fifty (or
half, if there are fewer than a hundred) of them, drawn at random, teach; the others judge: balanced
accuracy, mean and range of five draws, of the classifier of the workflow on components and votes,
and with the same labels, of a logistic regression on the measured parameters and of the five
nearest neighbours among the components.
"""

from pathlib import Path

import numpy as np
from common import WORK, new_parser
from astropy.table import Table
from real_fields import READERS
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tables import print_table

from morphovote.classify.anchored import weigh_anchored
from morphovote.classify.taught import fit_taught
from morphovote.measure.quality import MEASURED, trusted
from morphovote.storage import shards
from morphovote.storage.rows import align_rows

LABELS, DRAWS, NEIGHBOURS, FEWEST = 50, 5, 5, 5
HEAD = ["set", "galaxies", "classes", "labels", "workflow", "parameters", "nearest neighbours"]


def read_set(run: Path, seen: Path) -> dict[str, np.ndarray]:
    """Components, counts, measured parameters and class by eye of the galaxies of a set.

    Classes of fewer than `FEWEST` galaxies are left out.
    """
    votes = shards.read_shard(run / "votes.h5", ["row", "id", "counts"])
    component = shards.read_shard(run / "components.h5", ["component"])["component"]
    paths = sorted((run / "measurements").glob("*.h5"))
    shape = shards.concatenate(paths, ["row", "measure_flag", *MEASURED])
    shape = trusted(align_rows(votes["row"], shape))
    table = Table.read(seen, converters={"ID": str})
    place = {str(galaxy): row for row, galaxy in enumerate(votes["id"].astype(str))}
    rows = np.array([place[str(galaxy)] for galaxy in table["ID"]])
    eye = np.asarray(table["CLASS"]).astype(str)
    kinds, counts = np.unique(eye, return_counts=True)
    use = np.isin(eye, kinds[counts >= FEWEST]) & np.isfinite(component[rows]).all(axis=1)
    rows = rows[use]
    parameters = np.stack([shape[name][rows] for name in MEASURED], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        parameters[:, :3] = np.log(parameters[:, :3])
    parameters[~np.isfinite(parameters)] = np.nan
    return {
        "component": component[rows],
        "counts": votes["counts"][rows],
        "parameters": parameters,
        "eye": eye[use],
    }


def judge(found: dict[str, np.ndarray], learn: np.ndarray, test: np.ndarray) -> list[float]:
    """Balanced accuracy of the three on the galaxies to test."""
    eye, names = found["eye"], sorted(set(found["eye"]))
    labels = {name: found[name][learn] for name in ("component", "counts")}
    labels["share"] = np.array([[one == name for name in names] for one in eye[learn]], float)
    model, *_ = fit_taught(None, labels, names)
    chance, _ = weigh_anchored(found["component"][test], found["counts"][test], model)
    given = [np.array(names)[chance.argmax(axis=1)]]
    rivals = {
        "parameters": make_pipeline(
            SimpleImputer(strategy="median"), StandardScaler(),
            LogisticRegression(class_weight="balanced", max_iter=2000),
        ),
        "component": KNeighborsClassifier(min(NEIGHBOURS, len(learn))),
    }  # fmt: skip
    for name, rival in rivals.items():
        given.append(rival.fit(found[name][learn], eye[learn]).predict(found[name][test]))
    return [balanced_accuracy_score(eye[test], one) for one in given]


def main() -> None:
    """Print the table."""
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=WORK / "real")
    parser.add_argument("--sets", nargs="+", choices=list(READERS), default=list(READERS))
    given = parser.parse_args()
    rows = []
    for name in given.sets:
        folder = given.work / name
        found = read_set(folder / "results" / name, folder / "classes.csv")
        count = min(LABELS, len(found["eye"]) // 2)
        split = StratifiedShuffleSplit(DRAWS, train_size=count, random_state=0)
        scores = np.array([judge(found, *one) for one in split.split(found["eye"], found["eye"])])
        cells = [f"{s.mean():.2f} ({s.min():.2f} to {s.max():.2f})" for s in scores.T]
        kinds = ", ".join(sorted(set(found["eye"])))
        rows.append([name, len(found["eye"]), kinds, count, *cells])
    print_table(HEAD, rows)


if __name__ == "__main__":
    main()
