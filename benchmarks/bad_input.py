"""Give morphovote what is wrong or odd, case by case, and write down what it says.

python benchmarks/bad_input.py                 # docs/figures/bad_input.csv and .md
"""

import csv
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import bad_input
import bad_input_catalogues  # adds its cases
import bad_input_config
from paths import ROOT

assert bad_input_catalogues.start
assert bad_input_config.start


def main() -> None:
    """Run every case in a folder of its own; the folder's name is left out of what was said."""
    rows, wrong = [], 0
    for case in bad_input.CASES:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            said, stopped = bad_input.run_case(case, Path(folder))
            said = " ".join(said.replace(f"{folder}/", "").replace(folder, ".").split())
            os.chdir(ROOT)
        wrong += stopped != case.stops or not all(part in said for part in case.says)
        how = "stops" if stopped else "goes on"
        rows.append((case.group, case.given, how, said[:300] + " ..." * (len(said) > 300)))
    out = ROOT / "docs/figures"
    with open(out / "bad_input.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("what", "given", "run", "said"), *rows])
    lines = ["| what | given | run | said or flagged |", "| --- | --- | --- | --- |"]
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    (out / "bad_input.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    stops = sum(row[2] == "stops" for row in rows)
    print(f"{len(rows)} cases: {stops} stop, {len(rows) - stops} go on, {wrong} not as expected")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
