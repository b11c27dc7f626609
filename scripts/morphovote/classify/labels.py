"""Galaxies that people classified by eye: read, counted, and compared with each other.

A table has a row for each galaxy and person: `ID`, `CLASS`, and if wanted `WHO` and `RANDOM`. Rows
without a class are galaxies that nobody has looked at yet.
"""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from morphovote.classify.classes import CLASSES, OWN_CLASS, order_names
from morphovote.errors import InputError
from morphovote.fields.catalogues import column_names, read_table
from morphovote.fields.role_columns import id_texts
from morphovote.logs import log

# What people write when they cannot tell a galaxy's class, which is then UNC.
CANNOT_TELL = {"cannot tell", "can't tell", "cant tell", "cannot_tell", "unclear", "?", "unc"}
TRUE, FALSE = {"true", "t", "yes", "y", "1", "1.0"}, {"false", "f", "no", "n", "0", "0.0", ""}
# Fewest galaxies of a class that is neither one of `CLASSES` nor in the file of names: with fewer
# it is taken for a misprint.
FEWEST_OF_OWN = 3
# The classifier's opinion of a labelled galaxy counts as this part of a person.
MODEL_AS_PERSON = 0.25


class Labels(NamedTuple):
    """Classes by eye, one row a galaxy.

    Attributes
    ----------
    row : ndarray of int, shape (L,)
        Places among the ids of the field, ascending.
    names : list of str
        All classes C, in order; with all of `CLASSES`.
    votes : ndarray of int, shape (L, C)
        People who gave each class.
    random : ndarray of bool, shape (L,)
        Whether the galaxy was drawn at random.
    says_random : bool
        Whether the tables say which ones were.
    answers : list of (int, str, str)
        Row, person and class of every single answer.
    """

    row: np.ndarray
    names: list[str]
    votes: np.ndarray
    random: np.ndarray
    says_random: bool
    answers: list[tuple[int, str, str]]

    @property
    def share(self) -> np.ndarray:
        """Share (L, C) of the people who gave each class."""
        return self.votes / self.votes.sum(axis=1, keepdims=True)


def read_labels(
    paths: Sequence[str | Path], ids: np.ndarray | None, own: Collection[str] = ()
) -> Labels:
    """Read the tables of galaxies classified by eye.

    Parameters
    ----------
    paths : sequence of path
        Tables in any format that a source catalogue may have, with columns ID and CLASS. WHO tells
        the person (by default the table's own name), RANDOM whether the galaxy was drawn at random.
    ids : ndarray of str, shape (N,), or None
        Of the field's galaxies; None where they have yet to be detected, so that any may be right.
    own : collection of str
        Classes that people made up and gave a meaning in the file of names.

    Raises
    ------
    InputError
        If a class is unknown, a person contradicts himself, or no ID is in the field.
    """
    found, says_random = [], False
    for path in paths:
        rows, random = _read_answers(Path(path))
        found += rows
        says_random = says_random or random
    given = [answer[0] for answer in found]
    place = _place_ids(given if ids is None else ids, given)
    inside = [answer for answer in found if answer[0] in place]
    if len(inside) < len(found):
        lost = sorted({answer[0] for answer in found} - set(place))
        log.warning(
            "%d galaxies with a label, such as %s, are not in the field: left out",
            len(lost),
            lost[0],
        )
    if not inside:
        first = f" (such as {found[0][0]})" if found else ""
        raise InputError(
            f"{_named(paths)}: none of its {len(found)} IDs with a class{first} is in the field's "
            "source catalogue. Give the identifiers of that catalogue, and a CLASS for some."
        )
    return _count(inside, place, own, says_random)


def describe_labels(
    paths: Sequence[str | Path], ids: np.ndarray | None, own: Collection[str] = ()
) -> str:
    """What labels there are, in a sentence; takes and stops as `read_labels` does."""
    found = read_labels(paths, ids, own)
    counts = Counter(name for *_, name in found.answers)
    shown = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    people = len({person for _, person, _ in found.answers})
    drawn = f"{found.random.sum():,} of them drawn at random" if found.says_random else (
        "no column RANDOM, so they cannot tell the accuracy"
    )  # fmt: skip
    return f"labels: {len(found.row):,} galaxies by {people} people ({shown}); {drawn}"


def _read_answers(path: Path) -> tuple[list[tuple[str, str, str, bool, str]], bool]:
    """Answers of one table (ID, person, class, random, table), and whether RANDOM is a column."""
    upper = {name.upper(): name for name in column_names(path)}
    wanted = [upper[name] for name in ("ID", "CLASS", "WHO", "RANDOM") if name in upper]
    for name in ("ID", "CLASS"):
        if name not in upper:
            raise InputError(
                f"{path}: has no column {name}, only {', '.join(upper.values()) or 'none'}. Labels "
                "need columns ID and CLASS."
            )
    table = read_table(path, wanted)
    ids = id_texts(table[upper["ID"]]).tolist()
    text = {
        name: _texts(table[upper[name]]) for name in ("CLASS", "WHO", "RANDOM") if name in upper
    }
    who = text.get("WHO", [""] * len(ids))
    random = text.get("RANDOM", [""] * len(ids))
    for value in random:
        if value.lower() not in TRUE | FALSE:
            raise InputError(
                f"{path}: column RANDOM holds {value!r}, expected true or false. Correct it."
            )
    answers = [
        (one, person or path.stem, name, drawn.lower() in TRUE, str(path))
        for one, person, name, drawn in zip(ids, who, text["CLASS"], random, strict=True)
        if one and name
    ]
    blank = len(ids) - len(answers)
    if blank:
        log.info("%s: %d rows without a class, not looked at yet", path, blank)
    return answers, "RANDOM" in upper


def _texts(column) -> list[str]:
    lost = np.ma.getmaskarray(column)
    values = np.asarray(np.ma.getdata(column)).tolist()
    texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values]
    texts = ["" if gone else text.strip() for text, gone in zip(texts, lost, strict=True)]
    return ["" if text.lower() in ("none", "nan", "--") else text for text in texts]


def _place_ids(ids: Sequence[str], given: list[str]) -> dict[str, int]:
    """Row of each given id, of those in the field; the first of several rows with one id."""
    texts = id_texts(np.asarray(ids)).tolist()
    for plain in (str, lambda text: re.sub(r"^0+(?=\d)", "", text)):
        rows: dict[str, int] = {}
        for row, text in enumerate(texts):
            rows.setdefault(plain(text), row)
        rows.pop("", None)
        place = {one: rows[plain(one)] for one in given if plain(one) in rows}
        if place:
            return place
    return {}


def _named(paths: Sequence[str | Path]) -> str:
    return ", ".join(str(path) for path in list(paths)[:3]) + (", ..." if len(paths) > 3 else "")


def _count(
    answers: list[tuple[str, str, str, bool, str]],
    place: dict[str, int],
    own: Collection[str],
    says_random: bool,
) -> Labels:
    """Answers of all people, one row a galaxy."""
    single: dict[tuple[int, str], tuple[str, str]] = {}
    random: dict[int, bool] = {}
    standard = {name.lower(): name for name in CLASSES} | dict.fromkeys(CANNOT_TELL, "UNC")
    for one, person, given, drawn, path in answers:
        row, name = place[one], standard.get(given.lower(), given)
        before = single.setdefault((row, person), (name, path))
        if before[0] != name:
            raise InputError(
                f"{path}: galaxy {one} is {name}, but {before[0]} in another row of the same "
                f"person ({person}, {before[1]}). Leave one of them, or tell people apart in a "
                "column WHO."
            )
        random[row] = random.get(row, False) or drawn
    _check_names(Counter(name for name, _ in single.values()), own, answers[0][4])
    names = order_names([*CLASSES, *(name for name, _ in single.values())])
    rows = np.array(sorted(random), dtype=int)
    votes = np.zeros((len(rows), len(names)), int)
    for (row, _), (name, _) in single.items():
        votes[np.searchsorted(rows, row), names.index(name)] += 1
    told = [(row, person, name) for (row, person), (name, _) in single.items()]
    drawn = np.array([random[row] for row in rows.tolist()], dtype=bool)
    return Labels(rows, names, votes, drawn, says_random, told)


def _check_names(counts: Counter, own: Collection[str], path: str) -> None:
    known = {*CLASSES, *own}
    for name, count in sorted(counts.items()):
        if name in known:
            continue
        close = difflib.get_close_matches(name.upper(), sorted(known), 1, 0.5)
        hint = f"Did you mean {close[0]}?" if close else "Correct it."
        if not OWN_CLASS.fullmatch(name):
            raise InputError(
                f"{path}: column CLASS holds {name!r}, expected {', '.join(CLASSES)}, or a class "
                "of your own: up to 12 letters, digits and _ + -, the first a letter. Correct it."
            )
        if count < FEWEST_OF_OWN:
            raise InputError(
                f"{path}: column CLASS holds {name!r} in {count} of its rows, which is none of "
                f"{', '.join(sorted(known))}. {hint} A class of your own needs at least "
                f"{FEWEST_OF_OWN} galaxies, or a meaning in the file of names (classes.names)."
            )


def put_labels(
    found: dict[str, np.ndarray], labels: Labels, order: Sequence[str]
) -> dict[str, np.ndarray]:
    """Let people's classes of single galaxies win over those of vote and classifier.

    A class's probability is the share of the people who gave it, with the classifier as a small
    part (`MODEL_AS_PERSON`) of one more person. So one person's class has at least 0.8, and where
    people disagree equally, the classifier decides.

    Parameters
    ----------
    found : dict of ndarray, shape (N, ...)
        As `assignment.classify` returns it, for all galaxies.
    labels : Labels
    order : sequence of str
        All classes that have a probability; those of the labels are added.

    Returns
    -------
    dict of ndarray
        The same, changed for the labelled galaxies; class_origin is "labels".
    """
    names = order_names([*order, *labels.names])
    empty = np.where(np.isfinite(found["class_prob"]), 0, np.nan).astype(np.float32)
    for name in names:
        found.setdefault(f"p_{name}", empty.copy())
    model = np.stack([found[f"p_{name}"][labels.row] for name in names], axis=1).astype(float)
    votes = np.zeros(model.shape)
    votes[:, [names.index(name) for name in labels.names]] = labels.votes
    total = votes + MODEL_AS_PERSON * np.nan_to_num(model)
    chance = total / total.sum(axis=1, keepdims=True)
    best = chance.argmax(axis=1)
    text = np.array([*names, ""], dtype=object)
    for i, name in enumerate(names):
        found[f"p_{name}"][labels.row] = chance[:, i]
    rest = chance.copy()
    rest[np.arange(len(best)), best] = -1
    second = np.where(rest.max(axis=1) > 0, rest.argmax(axis=1), -1)
    found["class"][labels.row] = text[best]
    found["class_prob"][labels.row] = chance.max(axis=1)
    found["class_second"][labels.row] = text[second]
    found["class_origin"][labels.row] = "labels"
    found["class_reason"][labels.row] = np.where(text[best] == "UNC", "unclassifiable", "")
    return found


def agreement(answers: list[tuple[int, str, str]]) -> dict | None:
    """How far people agree on galaxies that several of them classified.

    Fleiss' kappa (Fleiss 1971, Psychol. Bull. 76, 378), for numbers of people that differ from
    galaxy to galaxy; for two people who both classified everything that is Scott's pi. And Cohen's
    kappa (Cohen 1960, Educ. Psychol. Meas. 20, 37) of every two people.

    Returns
    -------
    dict or None
        people, galaxies (seen by more than one), agree (share of pairs of answers that agree),
        kappa (NaN where all answers are one class), pairs: first, second, galaxies, agree, kappa.
        None where no galaxy was seen by two people.
    """
    by_row: dict[int, dict[str, str]] = {}
    for row, who, name in answers:
        by_row.setdefault(row, {})[who] = name
    both = {row: given for row, given in by_row.items() if len(given) > 1}
    if not both:
        return None
    people = sorted({who for given in both.values() for who in given})
    counts = [Counter(given.values()) for given in both.values()]
    sizes = np.array([sum(count.values()) for count in counts])
    same = np.array([sum(n * (n - 1) for n in count.values()) for count in counts])
    agree = float(np.mean(same / (sizes * (sizes - 1))))
    total = sum(counts, Counter())
    chance = sum((n / sizes.sum()) ** 2 for n in total.values())
    pairs = []
    for i, first in enumerate(people):
        for second in people[i + 1 :]:
            given = [(g[first], g[second]) for g in both.values() if first in g and second in g]
            if given:
                pairs.append(
                    {"first": first, "second": second, "galaxies": len(given)} | _cohen(given)
                )
    return {
        "people": len(people), "galaxies": len(both), "agree": agree,
        "kappa": _kappa(agree, chance), "pairs": pairs,
    }  # fmt: skip


def _cohen(given: list[tuple[str, str]]) -> dict:
    agree = float(np.mean([one == two for one, two in given]))
    one, two = (Counter(names) for names in zip(*given, strict=True))
    chance = sum(one[name] * two[name] for name in one) / len(given) ** 2
    return {"agree": agree, "kappa": _kappa(agree, chance)}


def _kappa(agree: float, chance: float) -> float:
    return (agree - chance) / (1 - chance) if chance < 1 else float("nan")
