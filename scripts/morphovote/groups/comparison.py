"""Compare two people's names of the same groups: how well they agree, and where they differ."""

import warnings
from pathlib import Path

import numpy as np
from astropy.table import Table
from sklearn.metrics import cohen_kappa_score

from morphovote.errors import InputError
from morphovote.groups.names import read_given_names, root_of


def compare_names(first: dict, second: dict) -> Table:
    """Class that each of two files gives each group.

    A group that one of them splits is compared part by part; parts that both made are paired in the
    order in which the files list them. A group joined to another has the class of that group.

    Parameters
    ----------
    first, second : dict
        From `names.read_given_names`.

    Returns
    -------
    Table
        group (text, such as "4" or "4 part 2"), first, second (class, or "" if the file gives
        none), galaxies (-1 if neither file says), same. A group that both split into different
        numbers of parts has one row, "4", with the classes "into 2" and "into 3".
    """
    one, two = first["groups"], second["groups"]
    parts = {part for names in (one, two) for e in names.values() for part in e.get("split", ())}
    rows = []
    for number in sorted((set(one) | set(two)) - parts):
        splits = [names.get(number, {}).get("split", []) for names in (one, two)]
        count = max(map(len, splits))
        if all(splits) and len(splits[0]) != len(splits[1]):
            words = [f"into {len(split)}" for split in splits]
            rows.append((str(number), *words, _size(number, one, two)))
            continue
        for i in range(max(count, 1)):
            own = [split[i] if split else number for split in splits]
            label = f"{number} part {i + 1}" if count else str(number)
            classes = [_class(n, names) for n, names in zip(own, (one, two), strict=True)]
            sizes = [(n, names) for n, names, s in zip(own, (one, two), splits, strict=True)
                     if s or not count]  # fmt: skip
            rows.append((label, *classes, max(_size(n, names) for n, names in sizes)))
    table = Table(
        rows=rows or None,
        names=("group", "first", "second", "galaxies"),
        dtype=("U", "U", "U", int),
    )
    table["same"] = table["first"] == table["second"]
    return table


def _class(number: int, groups: dict[int, dict]) -> str:
    return groups.get(root_of(number, groups), {}).get("class", "")


def _size(number: int, *files: dict[int, dict]) -> int:
    return max(groups.get(number, {}).get("galaxies", -1) for groups in files)


def kappa(table: Table, weighted: bool) -> float:
    """Cohen's kappa (1960) of two people, over the groups that both gave a class.

    Parameters
    ----------
    table : Table
        From `compare_names`.
    weighted : bool
        Weight groups by their number of galaxies.

    Returns
    -------
    float
        1 is full agreement, 0 the agreement expected by chance. NaN if undefined: no such group,
        only one class in both, or weights asked for but sizes unknown.
    """
    both = _named_by_both(table)
    sizes = np.asarray(table["galaxies"][both])
    if not both.any() or (weighted and ((sizes < 0).any() or not sizes.any())):
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(
            cohen_kappa_score(
                np.asarray(table["first"][both]),
                np.asarray(table["second"][both]),
                sample_weight=sizes if weighted else None,
            )
        )


def _named_by_both(table: Table) -> np.ndarray:
    words = [np.char.startswith(np.asarray(table[name], dtype=str), "into ")
             for name in ("first", "second")]  # fmt: skip
    given = (table["first"] != "") & (table["second"] != "")
    return np.asarray(given) & ~words[0] & ~words[1]


def compare_files(first: str | Path, second: str | Path) -> tuple[Table, str]:
    """Compare two files of names.

    Returns
    -------
    Table
        From `compare_names`.
    str
        The result in words, several lines.

    Raises
    ------
    InputError
        If a file is wrong, or the two belong to different votes.
    """
    one, two = read_given_names(first), read_given_names(second)
    if one["voters"] != two["voters"] and None not in (one["voters"], two["voters"]):
        raise InputError(
            f"{first}: 'voters' is {one['voters']}, but in {second} it is {two['voters']}: their "
            "group numbers mean different groups.\nCompare files made with the same naming page."
        )
    table = compare_names(one, two)
    people = [names["who"] or str(path) for names, path in ((one, first), (two, second))]
    both = _named_by_both(table)
    same = int(np.sum(both & np.asarray(table["same"])))
    lines = [
        f"{people[0]} and {people[1]}: {both.sum()} groups named by both, {same} with one class.",
        f"Cohen's kappa by groups: {_words(kappa(table, False))}; "
        f"by galaxies: {_words(kappa(table, True))}.",
    ]
    for row in table[~np.asarray(table["same"])]:
        size = f" ({row['galaxies']} galaxies)" if row["galaxies"] >= 0 else ""
        words = [str(row[name]) or "no class" for name in ("first", "second")]
        lines.append(f"group {row['group']}{size}: {words[0]} and {words[1]}")
    return table, "\n".join(lines)


def _words(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "not defined"
