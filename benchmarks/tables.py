"""The tables that benchmarks write and print."""

import csv
from pathlib import Path


def write_table(path: str | Path, rows: list[dict], digits: int | None = 4) -> None:
    """Write rows as CSV; missing values are left empty.

    Parameters
    ----------
    path : path
        Its folder is created if missing.
    rows : list of dict
        Column -> value; columns are written in order of first appearance.
    digits : int, optional
        Significant digits of floats; None writes all digits.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    name: f"{value:.{digits}g}" if digits and isinstance(value, float) else value
                    for name, value in row.items()
                }
            )


def markdown(head: list[str], rows: list[list]) -> str:
    """A table in Markdown; floats to two decimals."""
    lines = [head, ["---"] * len(head)]
    lines += [[f"{v:.2f}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def print_table(head: list[str], rows: list[list]) -> None:
    """Print a table in Markdown, and an empty line."""
    print(markdown(head, rows), end="\n\n", flush=True)


def print_row(row: dict) -> None:
    """Print a row at once, floats to three decimals."""
    print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
