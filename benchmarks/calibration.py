"""Do calibrated errors and corrections hold for galaxies that they were not learnt on?

    python benchmarks/calibration.py LEARNT.h5 [OTHER.h5 ...]

Each file is the `anchor_measurements.h5` of a finished run. Of the first, every anchor is judged by
a calibration without it; the others, of other fields or other seeds (`denoiser.seed`), by the
calibration of the first, as a frozen model brings it, and by their own, in folds as the first.
Coverage is the share of the truths within one error; biases are medians of seen less true.
"""

from pathlib import Path

import numpy as np
from common import new_parser

from morphovote.measure.calibration import (
    CORRECTED,
    MEASURED,
    apply_calibration,
    fit_calibration,
)
from morphovote.measure.calibration_table import held_out, measurement_table
from morphovote.storage import shards


def print_tables(title: str, found: dict, calibrated: dict) -> None:
    """Coverage and bias by S/N."""
    table = measurement_table(found, calibrated)
    table = table[(table["size_low"] == 0) & np.isinf(table["size_high"])]
    edges = sorted({(float(row["snr_low"]), float(row["snr_high"])) for row in table})
    names = [f"{low:.0f} to {high:.0f}" for low, high in edges]
    print(f"\n{title}\n\n| coverage | {' | '.join(names)} |\n|{' --- |' * (len(edges) + 1)}")
    for name in MEASURED:
        rows = {float(row["snr_low"]): row for row in table if row["parameter"] == name}
        cells = [
            f"{rows[low]['coverage_before']:.2f}, {rows[low]['coverage']:.2f} "
            f"({rows[low]['galaxies']})" if low in rows else ""
            for low, _ in edges
        ]  # fmt: skip
        print(f"| {name} | {' | '.join(cells)} |")
    print(f"\n| bias | {' | '.join(names)} |\n|{' --- |' * (len(edges) + 1)}")
    for name in CORRECTED:
        rows = {float(row["snr_low"]): row for row in table if row["parameter"] == name}
        cells = [
            f"{rows[low]['bias']:+.3f} ({rows[low]['scatter']:.3f}), "
            f"{rows[low]['bias_corrected']:+.3f} ({rows[low]['scatter_corrected']:.3f}), "
            f"{rows[low]['coverage_corrected']:.2f}" if low in rows else ""
            for low, _ in edges
        ]  # fmt: skip
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Print the tables."""
    parser = new_parser(__doc__)
    parser.add_argument("learnt", type=Path)
    parser.add_argument("others", type=Path, nargs="*")
    given = parser.parse_args()
    first = shards.read_shard(given.learnt)
    known = fit_calibration(first, 1.0)
    print_tables(f"{given.learnt}, each by the others", first, held_out(first))
    for path in given.others:
        found = shards.read_shard(path)
        print_tables(f"{path}, by {given.learnt}", found, apply_calibration(known, found))
        print_tables(f"{path}, each by the others", found, held_out(found))


if __name__ == "__main__":
    main()
