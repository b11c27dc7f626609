"""Give morphovote wrong or unusual input, case by case, and record what it says.

python benchmarks/bad_input.py                 # docs/figures/bad_input.csv and .md
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path

from common import FIGURES, ROOT, new_parser
from bad_input import CASES, run_case
from tables import markdown, write_table

# Importing them adds their cases to CASES.
PARTS = ("catalogues", "checks", "config", "images", "roles", "surveys", "tables")
for name in (f"bad_input_{part}" for part in PARTS):
    importlib.import_module(name)

HEAD = ("what", "given", "run", "said")


def main() -> None:
    """Run every case in a folder of its own; the folder's name is removed from the messages."""
    parser = new_parser(__doc__, FIGURES / "bad_input.csv")
    options = parser.parse_args()
    output = options.output.resolve()
    rows, wrong = [], 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            said, stopped = run_case(case, Path(folder))
            said = " ".join(said.replace(f"{folder}/", "").replace(folder, ".").split())
            os.chdir(ROOT)
        wrong += stopped != case.stops or not all(part in said for part in case.says)
        how = "stops" if stopped else "goes on"
        rows.append((case.group, case.given, how, said[:300] + " ..." * (len(said) > 300)))
    write_table(output, [dict(zip(HEAD, row, strict=True)) for row in rows])
    cells = [[cell.replace("|", "\\|").replace("<", "&lt;") for cell in row] for row in rows]
    page = markdown([*HEAD[:-1], "said or flagged"], cells)
    output.with_suffix(".md").write_text(f"# Cases of bad input\n\n{page}\n", encoding="utf-8")
    stops = sum(row[2] == "stops" for row in rows)
    print(f"{len(rows)} cases: {stops} stop, {len(rows) - stops} go on, {wrong} not as expected")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
