"""Compare two results folders file by file, to see whether a change of the code changed them.

    python benchmarks/same_outputs.py before/results/demo after/results/demo

Each file is reported as equal bit for bit, equal in content (except times, dates and versions),
different only in the words of a page (same pictures and same numbers), or different, with the parts
that differ. The folders logs/ and benchmarks/ are left out. The exit code is 1 if a file differs or
is in one folder only.
"""

import sys
from collections import defaultdict
from pathlib import Path

from common import new_parser
from outputs import compare_files, result_files

TITLES = {
    "equal": "equal bit for bit",
    "content": "equal except times, dates and versions",
    "words": "different only in the words of a page",
    "differs": "differ",
    "alone": "in one folder only",
}


def compare_folders(one: Path, two: Path, pages: bool = True) -> dict[str, list[str]]:
    """Lines on the files of two folders, by verdict (see TITLES), with or without HTML pages."""
    first, second = result_files(one), result_files(two)
    found = defaultdict(list)
    for name in sorted(first | second):
        if name.endswith(".html") and not pages:
            continue
        if name not in first or name not in second:
            found["alone"].append(f"{name}: only in {one if name in first else two}")
            continue
        verdict, what = compare_files(first[name], second[name])
        more = f" and {len(what) - 5} more" if len(what) > 5 else ""
        parts = ", ".join(what[:5]) + more
        found[verdict].append(f"{name}: {parts}" if verdict == "differs" else name)
    return found


def main() -> None:
    """Compare and print."""
    parser = new_parser(__doc__)
    parser.add_argument("one", type=Path, metavar="A", help="folder of one field's results")
    parser.add_argument("two", type=Path, metavar="B", help="the same folder of another run")
    parser.add_argument("--ignore-report", action="store_true", help="leave HTML pages out")
    options = parser.parse_args()
    for folder in (options.one, options.two):
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder; expected results, such as results/demo")
    found = compare_folders(options.one, options.two, not options.ignore_report)
    for verdict, title in TITLES.items():
        if found[verdict]:
            print(f"{title}:", *found[verdict], sep="\n  ")
    total = sum(map(len, found.values()))
    print(f"{total} files:", ", ".join(f"{len(found[v])} {title}" for v, title in TITLES.items()))
    if not total:
        sys.exit("no files were compared")
    sys.exit(bool(found["differs"] or found["alone"]))


if __name__ == "__main__":
    main()
