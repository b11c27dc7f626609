"""Names of the groups: the file that people write, by hand or with the naming page::

    version: 1
    voters: 1f0c...     # the vote, as fitted, that the group numbers belong to
    who: A. Astronomer  # optional, as are `when` and `note`
    classes: {BAR: barred disc}   # classes of your own, besides SPH, ETD, LTD, IRR and UNC
    groups:
      0: SPH            # short for {class: SPH}
      1: {class: LTD, note: spiral arms in most of them}
      2: {merge: 1}     # its galaxies count as members of group 1
      3: {split: [20, 21]}        # the vote is repeated inside it; the parts get these numbers
      20: {class: IRR}
    centres: {0: [...]} # mean components of each group, and the `pca` they belong to: with these
    pca: cfbe...        # names can be carried over to another vote on the same components

The file that `name_groups` writes has the same form, so it can be edited and used as input. A file
without `version` may only give classes.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from morphovote.classify.classes import CLASSES, OWN_CLASS
from morphovote.errors import InputError
from morphovote.storage.model_folder import DESCRIPTION, read_description
from morphovote.storage.yaml_files import load_yaml

VERSION = 1
# Keys that people give; then those that the workflow adds when it passes a file on.
GIVEN = ("version", "groups", "classes", "who", "when", "note", "voters", "pca", "centres")
ADDED = ("origin", "source", "fitted", "regrouped", "matching")
ENTRY = ("class", "note", "merge", "split")
# Further keys of an entry in files of the workflow: for people, and for weights in comparisons.
ENTRY_ADDED = ("reason", "suggested", "because", "galaxies", "kept", "measured", "medians")
ENTRY_ADDED += ("anchors", "purity", "medians_say")
# Part numbers end this far beyond the groups: the table of votes has as many columns.
MOST_PARTS = 100
NOT_NAMED = "left out of the file of names"
NO_MATCH = "no named group lies near it: look at it"


def read_given_names(path: str | Path) -> dict:
    """Read a file of names, and check all that can be checked without the vote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Every key of `GIVEN` (None if missing), and those of `ADDED` that the file has. `groups` is
        number -> {"class", "note", "merge", "split"}, as far as given, and "galaxies" if the file
        has it; `centres` is number -> list of float.

    Raises
    ------
    InputError
        If the file is unreadable, or has an unknown key, class or version.
    """
    content = load_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("groups"), dict):
        raise InputError(
            f"{path}: has no table 'groups'. Expected 'groups:' and under it one line a group, "
            "such as '  0: SPH'."
        )
    _known(path, content, GIVEN + ADDED, "")
    own = content.get("classes") or {}
    if not isinstance(own, dict):
        raise InputError(
            f"{path}: 'classes' is {own!r}, expected lines such as 'BAR: barred disc'."
        )
    for name in own:
        if not isinstance(name, str) or not OWN_CLASS.fullmatch(name) or name.lower() == "none":
            raise InputError(
                f"{path}: class {name!r} in 'classes', expected a letter and up to 11 letters, "
                "digits, + - or _ after it."
            )
    groups = {}
    for number, entry in content["groups"].items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise InputError(f"{path}: group {number!r} in 'groups', expected numbers from 0.")
        entry = entry if isinstance(entry, dict) else {"class": entry}
        groups[number] = _read_entry(path, number, entry, own)
    marked = [number for number, entry in groups.items() if "merge" in entry or "split" in entry]
    version = content.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise InputError(
            f"{path}: 'version' is {version!r}, expected {VERSION}: this morphovote reads no other."
        )
    if "version" not in content and (marked or content.get("centres")):
        what = f"group {marked[0]} is marked" if marked else "there are 'centres'"
        raise InputError(
            f"{path}: 'version' is missing, and {what}. Add the line 'version: {VERSION}', or save "
            "the file with the naming page again."
        )
    _check_marks(path, groups)
    centres = _read_centres(path, content.get("centres") or {})
    found = {key: content.get(key) for key in GIVEN}
    found |= {key: content[key] for key in ADDED if key in content}
    for key in ("who", "when", "note"):
        found[key] = None if found[key] is None else _line(found[key])
    for key in ("voters", "pca"):
        found[key] = None if found[key] is None else str(found[key])
    return found | {
        "version": version,
        "classes": {name: _line(meaning or "") for name, meaning in own.items()},
        "groups": dict(sorted(groups.items())),
        "centres": centres,
    }


def _known(path: str | Path, table: dict, keys: Sequence[str], where: str) -> None:
    unknown = [str(key) for key in table if key not in keys]
    if unknown:
        raise InputError(
            f"{path}: unknown key {', '.join(unknown)}{where}, expected some of {', '.join(keys)}."
        )


def _line(text: object) -> str:
    """Put any text on one line."""
    return " ".join(str(text).split())


def _read_entry(path: str | Path, number: int, entry: dict, own: dict) -> dict:
    _known(path, entry, ENTRY + ENTRY_ADDED, f" of group {number}")
    found = {}
    if "class" in entry or not {"merge", "split", "note"} & set(entry):
        name = entry.get("class")
        if not isinstance(name, str) or (name not in CLASSES and name not in own):
            raise InputError(
                f"{path}: class {name!r} of group {number}, expected one of "
                f"{', '.join([*CLASSES, *own])}.\nA class of your own needs a line under "
                "'classes:', such as '  BAR: barred disc'."
            )
        # The class that the workflow gives an unnamed group is not a name.
        if name != "UNC" or entry.get("reason") not in (NOT_NAMED, NO_MATCH):
            found["class"] = name
    # Files of the first form called a note the reason.
    note = _line(
        entry.get("note") or (entry.get("reason") if "suggested" not in entry else "") or ""
    )
    if note and note not in (NOT_NAMED, NO_MATCH):
        found["note"] = note
    for key, example in (("merge", "3"), ("split", "[20, 21]")):
        if entry.get(key) is None:
            continue
        value = entry[key] if isinstance(entry[key], list) else [entry[key]]
        integers = all(type(part) is int and part >= 0 for part in value)
        wanted = len(value) == 1 if key == "merge" else len(value) > 1
        right = integers and wanted and len(set(value)) == len(value)
        if not right or (key == "merge") == isinstance(entry[key], list):
            form = "the number of a group" if key == "merge" else "new numbers for its parts"
            raise InputError(
                f"{path}: '{key}' of group {number} is {entry[key]!r}, expected {form}, such as "
                f"{example}."
            )
        found[key] = entry[key]
    if "merge" in found and "split" in found:
        raise InputError(f"{path}: group {number} has both 'merge' and 'split'. Keep one of them.")
    size = entry.get("galaxies")
    return found | ({"galaxies": size} if type(size) is int and size >= 0 else {})


def _check_marks(path: str | Path, groups: dict[int, dict]) -> None:
    """Check that parts have numbers of their own, and that merges end at a group."""
    parents: dict[int, int] = {}
    for number, entry in groups.items():
        for part in entry.get("split", ()):
            if part in parents or part <= number:
                raise InputError(
                    f"{path}: 'split' of group {number} gives a part the number {part}, which "
                    "another group has. Expected numbers after those of all groups."
                )
            parents[part] = number
    for part, number in parents.items():
        if "split" in groups.get(part, {}):
            raise InputError(
                f"{path}: group {part} is a part of group {number} and is split again. Split group "
                f"{number} into more parts instead."
            )
    for number in groups:
        root_of(number, groups, path)


def root_of(number: int, groups: dict[int, dict], path: str | Path = "names") -> int:
    """The group that a group is merged into, over any number of steps; itself if not merged.

    Raises
    ------
    InputError
        If the merges run in a circle, or end at a group that is split.
    """
    seen = [number]
    while (target := groups.get(seen[-1], {}).get("merge")) is not None:
        if target in seen:
            raise InputError(
                f"{path}: groups {', '.join(map(str, seen))} are merged in a circle. Remove "
                "'merge' from one of them."
            )
        seen.append(target)
    if len(seen) > 1 and "split" in groups.get(seen[-1], {}):
        raise InputError(
            f"{path}: group {number} is merged into {seen[-1]}, which is split. Merge it into one "
            "of the parts."
        )
    return seen[-1]


def _read_centres(path: str | Path, centres: object) -> dict[int, list[float]]:
    try:
        found = {int(number): [float(x) for x in row] for number, row in centres.items()}
    except (AttributeError, OverflowError, TypeError, ValueError):
        found = {0: [np.nan]}
    widths = {len(row) for row in found.values()}
    if len(widths) > 1 or not np.isfinite([x for row in found.values() for x in row]).all():
        raise InputError(
            f"{path}: 'centres' has to hold equally many finite numbers for each group. Save the "
            "file again, or remove 'centres'."
        )
    return found


def check_numbers(path: str | Path, content: dict, fitted: int) -> int:
    """Check the group numbers of a file against the number of groups fitted.

    Parameters
    ----------
    path : path
        For messages.
    content : dict
        From `read_given_names`.
    fitted : int
        Groups of the vote, before any split.

    Returns
    -------
    int
        Groups after all splits: one more than the highest number.

    Raises
    ------
    InputError
        If a number belongs to no group and no part.
    """
    groups = content["groups"]
    parts = sorted(part for entry in groups.values() for part in entry.get("split", ()))
    wrong = [part for part in parts if not fitted <= part < fitted + MOST_PARTS]
    if wrong:
        raise InputError(
            f"{path}: 'split' gives a part the number {wrong[0]}, expected numbers from {fitted} "
            f"to {fitted + MOST_PARTS - 1}: the fitted groups are 0 to {fitted - 1}."
        )
    known = set(range(fitted)) | set(parts)
    targets = {entry["merge"] for entry in groups.values() if "merge" in entry}
    unknown = sorted((set(groups) | targets) - known)
    if unknown:
        also = f", or a part's: {', '.join(map(str, parts))}" if parts else ""
        raise InputError(
            f"{path}: group {unknown[0]} in 'groups', expected numbers from 0 to {fitted - 1}"
            f"{also}."
        )
    return max(known) + 1


def marks_of(path: str | Path | None, fitted: int | str | None = None) -> str:
    """Merges and splits of a file of names, and their vote, as text; "" if there are none.

    If the number of groups `fitted` is known, and the file names no vote, its group numbers are
    checked against it.

    Raises
    ------
    InputError
        See `read_given_names`.
    """
    if path is None:
        return ""
    content = read_given_names(path)
    if isinstance(fitted, int) and content["voters"] is None:
        check_numbers(path, content, fitted)
    marks = {
        number: {mark: entry[mark] for mark in ("merge", "split") if mark in entry}
        for number, entry in content["groups"].items()
    }
    marks = {number: entry for number, entry in marks.items() if entry}
    where = {key: content.get(key) for key in ("voters", "pca", "fitted", "centres")}
    return json.dumps([marks, where], sort_keys=True) if marks else ""


def check_centres(path: str | Path, content: dict, made: dict) -> None:
    """Stop if the groups of a file cannot be matched to a vote; see `rematching.numbers_here`."""
    widths = [{len(row) for row in names["centres"].values()} for names in (content, made)]
    why = None
    if not content["centres"]:
        why = "it has no 'centres' to match them by"
    elif content["pca"] != made.get("pca") or widths[0] != widths[1]:
        why = (
            f"its centres are in the components of PCA {content['pca']}, these in those of "
            f"{made.get('pca')}"
        )
    if why:
        raise InputError(
            f"{path}: 'voters' is {content['voters']}, but the groups come from vote "
            f"{made['voters']}: its numbers mean other groups, and {why}.\nUse the model that the "
            "names were made for, or look at the groups again with the naming page."
        )


def check_vote_of(path: str | Path | None, folders: dict[str, str], config: dict) -> None:
    """Stop before the first job if a file of names was written for another vote.

    What the vote of a field will be is known where a run with the same settings has left one.

    Parameters
    ----------
    path : path or None
        The file of names.
    folders : dict of str
        The model folder of each field that fits one, by name; the vote's groups are beside it.
    config : dict
        The completed config.

    Raises
    ------
    InputError
        See `check_centres`.
    """
    if path is None:
        return
    content = read_given_names(path)
    for folder in map(Path, folders.values()):
        made = folder.parent / "groups.yaml"
        if not made.is_file() or not (folder / DESCRIPTION).is_file():
            continue
        settings = read_description(folder / DESCRIPTION)["settings"]
        if any(config.get(section) != value for section, value in settings.items()):
            continue
        vote = read_given_names(made)
        if content["voters"] not in (None, vote["voters"]):
            check_centres(path, content, vote)
