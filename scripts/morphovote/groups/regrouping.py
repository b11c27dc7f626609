"""Join and split groups as people ask.

Joining two groups turns every vote for one into a vote for the other. Splitting repeats the bagged
vote among the members of the group. Voter v of the new vote refines voter v of the first, so a
galaxy's vote fraction for a part is the share of voters that put it into the group and then into
this part. Both change only the voters' labels of the reference sample; votes are cast as before.

The centre of a group is the mean of the components of its reference members.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from morphovote.compute.neighbours import nearest
from morphovote.errors import InputError
from morphovote.groups.names import VERSION, check_numbers, read_given_names, root_of
from morphovote.groups.rematching import numbers_here
from morphovote.logs import log
from morphovote.storage.files import write_yaml
from morphovote.storage.model_files import read_model, write_model
from morphovote.vote.alignment import count_votes, rank_groups
from morphovote.vote.bagged import CANDIDATES, Voters, fit_voters, load_voters, save_voters
from morphovote.vote.unanimous import KIND

# Fewest reference members of a group for each part that it is split into.
FEWEST_IN_PART = 20
# Significant digits of the centres in files.
DIGITS = 6


def consensus(voters: Voters) -> np.ndarray:
    """Group with most votes of each reference galaxy, shape (R,)."""
    counts = count_votes(voters.labels, voters.groups)
    return rank_groups(counts, voters.parents)[:, 0]


def group_centres(voters: Voters) -> dict[int, np.ndarray]:
    """Mean components (P,) of each group that has reference members."""
    group = consensus(voters)
    return {
        int(number): voters.reference[group == number].mean(axis=0, dtype=np.float64)
        for number in np.unique(group)
    }


def split_group(voters: Voters, group: int, parts: list[int], seed: int, threads: int) -> Voters:
    """Repeat the vote inside a group.

    Parameters
    ----------
    voters : Voters
    group : int
    parts : list of int
        Numbers of the new groups, from the largest to the smallest.
    seed, threads : int

    Returns
    -------
    Voters
        Without members of `group`.

    Raises
    ------
    InputError
        If the group has fewer than `FEWEST_IN_PART` reference members per part.
    """
    members = np.flatnonzero(consensus(voters) == group)
    if len(members) < FEWEST_IN_PART * len(parts):
        raise InputError(
            f"group {group} has {len(members)} galaxies in the vote's reference sample: too few "
            f"to split it into {len(parts)}, which takes {FEWEST_IN_PART * len(parts)}.\n"
            "Remove its 'split' from the file of names."
        )
    count = len(voters.labels)
    inner = fit_voters(
        voters.reference[members],
        groups=len(parts),
        agreement=voters.agreement,
        seed=seed,
        voters=count,
        threads=threads,
        quiet=True,
    )
    # Galaxies that only some voters put into the group take the labels of their nearest member.
    index, away = nearest(voters.reference, inner.reference, CANDIDATES)
    local = away / inner.scale[index]
    source = np.take_along_axis(index, local.argmin(axis=1)[:, None], axis=1)[:, 0]
    source[members] = np.arange(len(members))
    number = np.array(parts, dtype=voters.labels.dtype)
    labels = np.where(voters.labels == group, number[inner.labels[:, source]], voters.labels)
    groups = max(voters.groups, max(parts) + 1)
    parents = np.arange(groups)
    if voters.parents is not None:
        parents[: voters.groups] = voters.parents
    parents[parts] = group
    return replace(voters, labels=labels, groups=groups, parents=parents)


def join_groups(voters: Voters, into: dict[int, int]) -> Voters:
    """Turn every vote for a group into a vote for the group that it joins.

    Parameters
    ----------
    voters : Voters
    into : dict of int
        Group -> group that it joins, which may not join another itself.
    """
    number = np.arange(voters.groups)
    for group, root in into.items():
        number[group] = root
    return replace(voters, labels=number[voters.labels].astype(voters.labels.dtype))


def regroup_voters(
    voters: Voters, groups: dict[int, dict], seed: int, threads: int = 1
) -> tuple[Voters, dict[int, np.ndarray]]:
    """Split and join groups as a file of names says.

    Parameters
    ----------
    voters : Voters
        As fitted.
    groups : dict
        Number -> entry with "merge" or "split", from `names.read_given_names`.
    seed, threads : int

    Returns
    -------
    voters : Voters
        With one group more than the highest number; groups that were split or joined to another
        have no members.
    centres : dict of ndarray, shape (P,)
        Of all groups; of groups that were split or joined, as they were before.

    Raises
    ------
    InputError
        If a group is too small to be split.
    """
    centres = group_centres(voters)
    for number in sorted(number for number, entry in groups.items() if "split" in entry):
        parts = groups[number]["split"]
        voters = split_group(voters, number, parts, seed, threads)
        found = group_centres(voters)
        centres |= {part: found[part] for part in parts if part in found}
        sizes = np.bincount(consensus(voters), minlength=voters.groups)
        log.info(
            "group %d split: %s",
            number,
            ", ".join(f"group {part} of {sizes[part]}" for part in parts),
        )
    into = {number: root_of(number, groups) for number in groups}
    into = {number: root for number, root in into.items() if root != number}
    for number, root in into.items():
        log.info("group %d joined to group %d", number, root)
    return join_groups(voters, into), centres


def regroup_voters_file(
    model: str | Path,
    output: str | Path,
    groups: str | Path,
    names: str | Path | None,
    seed: int,
    threads: int = 1,
) -> None:
    """Regroup a vote as a file of names says.

    Parameters
    ----------
    model : path
        The vote as fitted.
    output : path
        The vote to cast: the same, unless `names` merges or splits groups.
    groups : path
        YAML: merges and splits in the numbers of this vote, and the centres of its groups.
    names : path, optional
    seed, threads : int

    Raises
    ------
    InputError
        If the file of names is wrong, or belongs to a vote whose groups cannot be found here.
    """
    voters, attributes = load_voters(model)
    made = {"version": VERSION, "voters": voters.digest, "fitted": voters.groups}
    made |= {"pca": str(attributes["pca"])} if "pca" in attributes else {}
    marks: dict[int, dict] = {}
    if names is not None:
        content = read_given_names(names)
        found, _ = numbers_here(names, content, made | {"centres": group_centres(voters)})
        marks = {
            number: {mark: entry[mark] for mark in ("merge", "split") if mark in entry}
            for number, entry in found.items()
        }
        marks = {number: entry for number, entry in marks.items() if entry}
        check_numbers(names, {"groups": marks}, voters.groups)
    try:
        regrouped, centres = regroup_voters(voters, marks, seed, threads)
    except InputError as error:
        raise InputError(f"{names}: {error}") from error
    kept = {name: value for name, value in attributes.items() if name not in ("kind", "made_by")}
    save_voters(output, regrouped, kept | {"fitted": voters.digest, "fitted_groups": voters.groups})
    made |= {"regrouped": regrouped.digest, "groups": marks, "centres": _rounded(centres)}
    write_yaml(groups, made)


def _rounded(centres: dict[int, np.ndarray]) -> dict[int, list[float]]:
    """Centres by number, rounded so that people can read them."""
    return {n: [float(f"{x:.{DIGITS}g}") for x in row] for n, row in sorted(centres.items())}


def relabel_unanimous_file(
    model: str | Path,
    output: str | Path,
    groups: str | Path,
    names: str | Path | None,
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Copy a published vote as it is, with the names of its groups.

    Parameters
    ----------
    model, output, groups, names
        See `regroup_voters_file`.
    seed, threads
        Not used: they are there for the bagged vote.

    Raises
    ------
    InputError
        If the file of names joins or splits groups, or was written for another vote.
    """
    del seed, threads
    arrays, attributes = read_model(model, KIND, ("labels", "row", "centres"))
    count, voters = int(attributes["groups"]), str(attributes["voters"])
    content = {"version": VERSION, "origin": "suggestion", "groups": {}}
    if names is not None:
        content = read_given_names(names) | {"origin": "file", "source": str(names)}
        content.pop("matching", None)
        check_numbers(names, content, count)
        changed = [n for n, one in content["groups"].items() if "merge" in one or "split" in one]
        if changed or content["voters"] not in (None, voters):
            found = f"group {changed[0]} joined or split" if changed else "another vote's names"
            raise InputError(
                f"{names}: found {found}, expected plain names for vote {voters}: the published "
                "vote is taken as it is.\nName its own groups, or set voting.scheme: bagged."
            )
    kept = {name: value for name, value in attributes.items() if name not in ("kind", "made_by")}
    write_model(output, KIND, arrays, kept | {"fitted": voters})
    content = {key: value for key, value in content.items() if value is not None}
    content |= {"voters": voters, "fitted": count, "regrouped": voters}
    content["centres"] = _rounded(dict(enumerate(arrays["centres"])))
    pca = attributes.get("pca")
    write_yaml(groups, content | ({"pca": str(pca)} if pca is not None else {}))


# By the config's `voting.scheme`.
SCHEMES = {"bagged": regroup_voters_file, "published": relabel_unanimous_file}
