"""The tables that benchmarks leave."""

import csv
from pathlib import Path


def write_table(path: str | Path, rows: list[dict], digits: int = 4) -> None:
    """Write rows as CSV, to `digits` significant digits; what a row lacks is left empty."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {k: f"{v:.{digits}g}" if isinstance(v, float) else v for k, v in row.items()}
            )
