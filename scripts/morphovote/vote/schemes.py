"""The voting schemes; `voting.scheme` in the config picks one, here only."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from morphovote.vote import bagged, unanimous


class Scheme(NamedTuple):
    """The functions of a voting scheme.

    Attributes
    ----------
    fit : callable
        (components, groups, agreement, seed, voters, threads): a fitted vote.
    cast : callable
        (components, fitted vote): see `bagged.cast_votes`.
    fit_file : callable
        (components file, model file, groups, agreement, seed, voters, threads): fits and writes.
    cast_file : callable
        (components file, model file, confidence file, votes file): votes and writes.
    load : callable
        (model file, components file of the field): `bagged.Voters` that can label any galaxy.
    share_galaxies : bool
        Whether its voters are the algorithms, each run once on the same galaxies.
    """

    fit: Callable
    cast: Callable
    fit_file: Callable
    cast_file: Callable
    load: Callable
    share_galaxies: bool


def _fit_unanimous(
    components: np.ndarray, groups: int, agreement: float, seed: int, voters: int, threads: int
) -> unanimous.PublishedVoters:
    # Always three voters that all have to agree, on one processor.
    del agreement, voters, threads
    return unanimous.fit_voters(components, groups, seed)


def _fit_unanimous_file(
    components: str | Path,
    output: str | Path,
    groups: int,
    agreement: float,
    seed: int,
    voters: int,
    threads: int,
) -> None:
    del agreement, voters, threads
    unanimous.fit_voters_file(components, output, groups, seed)


def _load_bagged(model: str | Path, components: str | Path) -> bagged.Voters:
    del components
    return bagged.load_voters(model)[0]


def _load_unanimous(model: str | Path, components: str | Path) -> bagged.Voters:
    return unanimous.nearest_voters(components, model)


SCHEMES = {
    "bagged": Scheme(
        partial(bagged.fit_voters, quiet=True),
        bagged.cast_votes,
        bagged.fit_voters_file,
        bagged.cast_votes_file,
        _load_bagged,
        share_galaxies=False,
    ),
    "published": Scheme(
        _fit_unanimous,
        unanimous.cast_votes,
        _fit_unanimous_file,
        unanimous.cast_votes_file,
        _load_unanimous,
        share_galaxies=True,
    ),
}
