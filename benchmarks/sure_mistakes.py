"""The twenty surest mistakes of simulated fields as pictures, for docs/classes.md.

    python benchmarks/sure_mistakes.py results/demo results/second [--output docs/figures]

Each folder is a run of a simulated field, finished up to classes.h5. Writes
sure_mistakes_<field>.png, and prints which classes are taken for which among them.
"""

from collections import Counter
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from common import FIGURES, new_parser
from tables import print_table

from morphovote.fields.catalogues import read_table
from morphovote.report.stamps import sky_of, stretch
from morphovote.storage import shards
from morphovote.storage.rows import align_rows

matplotlib.use("Agg")
ROWS, COLUMNS = 4, 5
HEAD = ["field", "true", "called", "of the twenty", "S/N, median", "kinds"]


def read_mistakes(folder: Path) -> dict[str, np.ndarray]:
    """The surest mistakes of a run, in falling order of the probability of the wrong class."""
    votes = shards.read_shard(folder / "votes.h5", ["row"])
    found = shards.read_shard(folder / "classes.h5", ["row", "class", "class_prob"])
    found = align_rows(votes["row"], found)
    truth = read_table(folder / "simulated/truth.fits")[votes["row"]]
    true = np.asarray(truth["TYPE"]).astype(str)
    given = found["class"].astype(str)
    paths = sorted((folder / "cutouts").glob("*.h5"))
    light = shards.concatenate(paths, ["row", "snr", "image", "rms"])
    place = {row: i for i, row in enumerate(light["row"])}
    wrong = np.flatnonzero(given != true)
    order = wrong[np.argsort(-np.nan_to_num(found["class_prob"][wrong]), kind="stable")]
    order = order[: ROWS * COLUMNS]
    seen = [place[row] for row in votes["row"][order]]
    return {
        "true": true[order],
        "called": given[order],
        "chance": found["class_prob"][order],
        "kind": np.asarray(truth["SUBTYPE"]).astype(str)[order],
        "snr": light["snr"][seen],
        "image": light["image"][seen],
        "rms": light["rms"][seen],
    }


def draw_mistakes(found: dict[str, np.ndarray], path: Path) -> None:
    """Cutouts with what they are, what they are called, and how surely."""
    figure, axes = plt.subplots(ROWS, COLUMNS, figsize=(10, 9.2), layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for i, axis in enumerate(axes.flat[: len(found["true"])]):
        image = found["image"][i]
        sky, bright = sky_of(image, found["rms"][i]), float(np.quantile(image, 0.998))
        axis.imshow(stretch(image, sky, bright), cmap="gray_r", origin="lower")
        axis.set_title(
            f"{found['true'][i]} called {found['called'][i]} ({found['chance'][i]:.2f})\n"
            f"{found['kind'][i] or 'no subtype'}, S/N {found['snr'][i]:.0f}", fontsize=8,
        )  # fmt: skip
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Write the figures and print the table."""
    parser = new_parser(__doc__, FIGURES)
    parser.add_argument("fields", type=Path, nargs="+", metavar="field", help="results/demo ...")
    given = parser.parse_args()
    rows = []
    for folder in given.fields:
        found = read_mistakes(folder)
        draw_mistakes(found, given.output / f"sure_mistakes_{folder.name}.png")
        pairs = Counter(zip(found["true"], found["called"], strict=True))
        for (true, called), count in pairs.most_common():
            those = (found["true"] == true) & (found["called"] == called)
            kinds = Counter(found["kind"][those]).most_common(3)
            told = ", ".join(f"{kind or 'none'} {number}" for kind, number in kinds)
            rows.append(
                [folder.name, true, called, count, float(np.median(found["snr"][those])), told]
            )
    print_table(HEAD, rows)


if __name__ == "__main__":
    main()
