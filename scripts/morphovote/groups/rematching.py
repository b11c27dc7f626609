"""Apply names that people gave to a vote: match the groups by their centres, fill in the rest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist

from morphovote.classify.anchors import enough, read_anchors
from morphovote.groups.by_anchors import add_medians, suggest_by_anchors
from morphovote.groups.names import (
    NO_MATCH,
    NOT_NAMED,
    check_centres,
    check_numbers,
    read_given_names,
    root_of,
)
from morphovote.groups.suggestion import suggest_names
from morphovote.logs import log
from morphovote.measure.quality import MEASURED, reaches_beyond, trusted
from morphovote.storage.files import write_yaml
from morphovote.storage.rows import align_rows
from morphovote.storage.shards import concatenate, read_attributes, read_shard

# Groups of two votes match if they are each other's nearest, and closer than this share of the
# distance from either of them to the next group of either vote. On the demo field, for 6 other
# seeds and for 20 and 8 groups, this finds 148 pairs; in 145 of them neither group shares more
# members with another. They hold 92 and 100 % of the galaxies (benchmarks/group_matching.py).
CLOSE = 0.75


def match_groups(first: dict[int, np.ndarray], second: dict[int, np.ndarray]) -> dict[int, int]:
    """Match the groups of two votes by their centres.

    Parameters
    ----------
    first, second : dict of ndarray, shape (P,)
        Centres, in the same components.

    Returns
    -------
    dict of int
        Number in `first` -> number in `second`, for pairs that are each other's nearest and close
        (see `CLOSE`). Each group occurs once at most; groups without such a partner are left out.
    """
    if not first or not second:
        return {}
    one, two = np.array(list(first.values())), np.array(list(second.values()))
    distance = cdist(one, two)
    alone = np.minimum.outer(_separation(one), _separation(two))
    next_best = np.minimum.outer(_second(distance), _second(distance.T))
    limit = CLOSE * np.minimum(alone, next_best)
    names = list(first), list(second)
    pairs = {}
    for i, j in enumerate(distance.argmin(axis=1)):
        if distance[:, j].argmin() == i and distance[i, j] <= limit[i, j]:
            pairs[names[0][i]] = names[1][j]
    return pairs


def _separation(centres: np.ndarray) -> np.ndarray:
    """Distance (K,) of each centre to the nearest other one."""
    distance = cdist(centres, centres)
    np.fill_diagonal(distance, np.inf)
    return distance.min(axis=1)


def _second(distance: np.ndarray) -> np.ndarray:
    """Second smallest value of each row; infinite if there is only one."""
    return np.sort(np.pad(distance, ((0, 0), (0, 1)), constant_values=np.inf), axis=1)[:, 1]


def numbers_here(
    path: str | Path, content: dict, made: dict
) -> tuple[dict[int, dict], dict | None]:
    """Translate the entries of a file of names to the numbers of a vote.

    Parameters
    ----------
    path : path
        For messages.
    content : dict
        From `names.read_given_names`: the file.
    made : dict
        Of the vote: voters, fitted, pca (or none), and centres.

    Returns
    -------
    entries : dict
        Number -> entry, as `content` has them.
    matching : dict or None
        None if the file belongs to this vote. Otherwise `voters` of the file, `matched` (number
        there -> number here), `unmatched` (groups here without a match), `lost` (named groups there
        without a match).

    Raises
    ------
    InputError
        If the file belongs to another vote whose groups cannot be matched to these.
    """
    if content["voters"] in (None, made["voters"]):
        return content["groups"], None
    check_centres(path, content, made)
    return carry_over(content, made)


def carry_over(content: dict, made: dict) -> tuple[dict[int, dict], dict]:
    """Translate names given for another vote to the numbers of this one; see `numbers_here`.

    Groups are matched by their centres. If a matched group was split, it is split here too, and its
    parts are matched among themselves once this vote has them. A group that was joined to one
    without a match here keeps the class of that one.
    """
    old, there, here = content["groups"], content["centres"], made["centres"]
    splits = {number: entry["split"] for number, entry in old.items() if "split" in entry}
    parts = {part for split in splits.values() for part in split}
    fitted = content.get("fitted")
    fitted = fitted or max([n for n in {*there, *old} if n not in parts], default=-1) + 1
    whole = {number: row for number, row in here.items() if number < made["fitted"]}
    pairs = match_groups({n: row for n, row in there.items() if n not in parts}, whole)
    unmatched = sorted(set(whole) - set(pairs.values()))
    moved = {part: part - fitted + made["fitted"] for part in parts}
    for number, split in splits.items():
        if number not in pairs:
            continue
        new = {moved[part]: here[moved[part]] for part in split if moved[part] in here}
        inner = match_groups({part: there[part] for part in split if part in there}, new)
        pairs |= inner
        unmatched += sorted(set(new) - set(inner.values()))
    groups: dict[int, dict] = {}
    for number, number_here in pairs.items():
        entry, root = old.get(number, {}), root_of(number, old)
        carried = {key: entry[key] for key in ("class", "note") if key in entry}
        if "split" in entry:
            carried |= {"split": [moved[part] for part in entry["split"]]}
        elif root != number:
            carried = {"merge": pairs[root]} if root in pairs else dict(old.get(root, {}))
        if carried:
            groups[number_here] = carried
    named = {n for n in old if "class" in old.get(root_of(n, old), {}) or "split" in old[n]}
    matching = {
        "voters": content["voters"],
        "matched": dict(sorted(pairs.items())),
        "unmatched": unmatched,
        "lost": sorted(named - set(pairs)),
    }
    return dict(sorted(groups.items())), matching


def final_names(
    entries: dict[int, dict], groups: int, matching: dict | None = None
) -> dict[int, dict]:
    """Class and reason of every group, after merges and splits.

    Parameters
    ----------
    entries : dict
        Number -> entry, in this vote's numbers.
    groups : int
        Groups after all splits.
    matching : dict, optional
        From `numbers_here`.

    Returns
    -------
    dict
        Number -> {"class", "reason"}; groups without a name are "UNC".
    """
    unmatched = (matching or {}).get("unmatched", [])
    names = {}
    for number in range(groups):
        entry, root = entries.get(number, {}), root_of(number, entries)
        if "split" in entry:
            into = ", ".join(map(str, entry["split"]))
            names[number] = {"class": "UNC", "reason": f"split into groups {into}"}
            continue
        name = entries.get(root, {}).get("class")
        reason = entry.get("note") or "named in the file of names"
        if root != number:
            reason = f"joined to group {root}"
        elif name is None:
            reason = NO_MATCH if number in unmatched else NOT_NAMED
        names[number] = {"class": name or "UNC", "reason": reason}
    return names


def name_groups_file(
    votes: str | Path,
    measurements: Sequence[str | Path],
    cutouts: Sequence[str | Path],
    groups: str | Path,
    output: str | Path,
    names: str | Path | None = None,
    anchors: str | Path | None = None,
    components: str | Path | None = None,
) -> None:
    """Write the names of a vote's groups: those that people gave, or suggested ones.

    Parameters
    ----------
    votes : path
    measurements, cutouts : sequence of path
        All shards.
    groups : path
        From `regrouping.regroup_voters_file`: the vote's groups and their centres.
    output : path
        YAML: the content of `groups`, origin ("file" or "suggestion"), source, and for each group
        its class, size, medians, suggested class and the reason for it; with anchors also their
        number in the group (anchors), the share of the class among them (purity), and the class by
        the medians (medians_say).
    names : path, optional
        The file that people wrote.
    anchors, components : path, optional
        The model's anchors, and the field's components: with both, anchors suggest the classes, and
        the medians are a check.

    Raises
    ------
    InputError
        See `read_given_names`.
    """
    made = read_given_names(groups)
    number = int(read_attributes(votes)["groups"])
    vote = read_shard(votes, ["row", "group", "kept"])
    columns = ["row", "measure_flag", "flags", *MEASURED]
    shape = align_rows(vote["row"], concatenate(measurements, columns))
    light = align_rows(vote["row"], concatenate(cutouts, ["row", "snr", "flags"]))
    suggested = suggest_names(
        vote["group"],
        vote["kept"],
        number,
        trusted(shape),
        light["snr"],
        light["flags"] | shape["flags"],
        reaches_beyond(shape["measure_flag"]),
    )
    source = "measured medians of each group"
    known = read_anchors(anchors)[0] if anchors and components else None
    if known is not None and enough(known):
        component = read_shard(components, ["component"])["component"]
        args = (vote["group"], vote["kept"], component, number, known)
        suggested = add_medians(suggest_by_anchors(*args), suggested)
        source = "simulated anchors in each group"
    given, marks = suggested, made["groups"]
    content = {"origin": "suggestion", "source": source}
    if names is not None:
        told = read_given_names(names)
        marks, matching = numbers_here(names, told, made)
        check_numbers(names, {"groups": marks}, made["fitted"])
        given = final_names(marks, number, matching)
        content = {key: told[key] for key in ("classes", "who", "when", "note")}
        content |= {"origin": "file", "source": str(names), "matching": matching}
        missing = [str(g) for g, entry in given.items() if entry["reason"] == NOT_NAMED]
        if missing:
            log.info("%s names no class for group %s: UNC", names, ", ".join(missing))
        if matching:
            _tell(names, matching)
    entries = {}
    for group, entry in suggested.items():
        own = marks.get(group, {})
        entries[group] = {
            "class": given[group]["class"],
            "reason": given[group]["reason"],
            **{key: own[key] for key in ("note", "merge", "split") if key in own},
            "suggested": entry["class"],
            "because": entry["reason"],
            **{key: value for key, value in entry.items() if key not in ("class", "reason")},
        }
        log.info("group %d: %s (%s)", group, given[group]["class"], given[group]["reason"])
    kept = {key: value for key, value in (made | content).items() if value}
    write_yaml(output, kept | {"groups": entries})


def _tell(names: str | Path, matching: dict) -> None:
    log.info(
        "%s was written for vote %s: %d groups matched by their centres; without a name: %s; "
        "named there, but not matched: %s",
        names,
        matching["voters"],
        len(matching["matched"]),
        ", ".join(map(str, matching["unmatched"])) or "none",
        ", ".join(map(str, matching["lost"])) or "none",
    )
