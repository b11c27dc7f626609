"""Apply the shift report to halves of a finished field, and to other finished fields.

    python benchmarks/shift.py [results/demo] [results/other ...]
           [--output docs/figures/shift.csv]

Embeddings of the first field are split into random halves, 20 times at three sizes, and each half
is compared with a PCA fitted on the other: the samples are alike, and should be trusted. Then its
fainter half (by S/N) is compared with the brighter one, and every further field with the whole
first field. PSF and depth are left out, so the rows show what the embeddings alone can tell.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from common import DEMO, FIGURES, new_parser
from tables import write_table

from morphovote.compute.neighbours import nearest
from morphovote.model import domain_shift
from morphovote.reduce.pca import fit_pca, project
from morphovote.storage import shards
from morphovote.vote.bagged import CLOSEST

REPEATS, SIZES = 20, (30, 60, 300)
UNKNOWN = {"reference": None, "field": None}
IMAGES = dict.fromkeys(("psf_fwhm", "point_limit", "magnitude"), UNKNOWN) | {"psf_ratio": None}


def read_field(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and S/N of the galaxies with embeddings."""
    embedding = shards.concatenate(sorted(folder.glob("embeddings/*.h5")), ["embedding"])
    snr = shards.concatenate(sorted(folder.glob("cutouts/*.h5")), ["snr"])["snr"]
    good = np.isfinite(embedding["embedding"]).all(axis=1)
    return embedding["embedding"][good], snr[good]


def compare(name: str, reference: np.ndarray, field: np.ndarray) -> dict:
    """One row: the shift report's numbers with a PCA fitted on the reference."""
    pca = fit_pca(reference, 0.95)
    known, new = project(reference, pca), project(field, pca)
    distance = nearest(new, known, CLOSEST)[1].mean(axis=1)
    found = domain_shift.check_shift(new, known, distance, IMAGES, (), 0)
    envelope, test = found["envelope"], found["test"] or {"p": np.nan, "own_share": np.nan}
    return {
        "pair": name,
        "reference": len(known),
        "field": len(new),
        "outside": round(envelope["fraction"], 4),
        "low": round(envelope["low"], 4),
        "p": test["p"],
        "own_share": round(test["own_share"], 4),
        "verdict": found["verdict"],
    }


def main() -> None:
    """Compare, print and write the table."""
    parser = new_parser(__doc__, FIGURES / "shift.csv")
    parser.add_argument("fields", nargs="*", default=[DEMO], type=Path)
    options = parser.parse_args()
    first, snr = read_field(options.fields[0])
    rows = []
    for size in SIZES:
        for seed in range(REPEATS if 2 * size <= len(first) else 0):
            order = np.random.default_rng(seed).permutation(len(first))
            halves = first[order[:size]], first[order[size : 2 * size]]
            rows.append(compare(f"halves of {size}, seed {seed}", *halves))
        verdicts = Counter(row["verdict"] for row in rows if row["reference"] == size)
        print(f"halves of {size}: {dict(verdicts)}")
    order = np.argsort(snr, kind="stable")
    faint, bright = first[order[: len(order) // 2]], first[order[len(order) // 2 :]]
    rows.append(compare("faint half against bright", bright, faint))
    for path in options.fields[1:]:
        name = f"{path.name} against {options.fields[0].name}"
        rows.append(compare(name, first, read_field(path)[0]))
    for row in rows[-len(options.fields) :]:
        print(row)
    write_table(options.output, rows, digits=None)


if __name__ == "__main__":
    main()
