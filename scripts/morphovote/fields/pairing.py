"""Which noise map or PSF belongs to which image, by their paths."""

import re
from collections.abc import Sequence
from pathlib import Path

from morphovote.logs import log


def pair_files(images: Sequence[str], others: Sequence[str], key: str) -> list[str]:
    """The noise map, or the PSF, of each image.

    What differs between the images' paths, folders and names, is compared with what differs between
    the others': sci_2 goes with rms_02, p1/sci with p1/rms. Where the two sets do not agree, files
    are paired in natural order (2 before 10).

    Parameters
    ----------
    images, others : sequence of str
        Paths, as many of one as of the other.
    key : str
        Key of the config, for the log.

    Returns
    -------
    list of str
        One of `others` for each image.
    """
    if len(images) == 1:
        return list(others)
    ours, theirs = _differing(images), _differing(others)
    if len(set(theirs)) == len(theirs) and set(ours) == set(theirs):
        partner = dict(zip(theirs, others, strict=True))
        return [partner[mark] for mark in ours]
    if len(set(ours)) == len(ours) and set(ours) & set(theirs):
        lone = images[next(n for n, mark in enumerate(ours) if mark not in theirs)]
        log.warning("%s: no file of `%s` has its number; they are paired in order", lone, key)
    order = sorted(range(len(images)), key=lambda number: natural_key(images[number]))
    partner = dict(zip(order, sorted(others, key=natural_key), strict=True))
    return [partner[number] for number in range(len(images))]


def natural_key(path: str) -> list[tuple[int, int | str]]:
    """To sort by: figures as numbers, so that 10 comes after 2."""
    return [(0, int(part)) if part.isdigit() else (1, part)
            for part in re.findall(r"[0-9]+|[^0-9]+", str(path))]  # fmt: skip


def short_names(paths: Sequence[str]) -> list[str]:
    """The files' names where they differ, else the paths."""
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else list(map(str, paths))


def find_by_name(name: str, paths: Sequence[str]) -> list[int]:
    """Paths that a file name may mean: those that share most of its last parts.

    Parameters
    ----------
    name : str
        A file's name, or its path from any folder.
    paths : sequence of str

    Returns
    -------
    list of int
        None where no path ends in the name, several where it does not tell them apart.
    """
    wanted = Path(name.strip()).parts
    shared = []
    for path in paths:
        pairs = zip(reversed(wanted), reversed(Path(path).parts), strict=False)
        count = 0
        for ours, theirs in pairs:
            if ours != theirs:
                break
            count += 1
        shared.append(count)
    most = max(shared, default=0)
    return [number for number, count in enumerate(shared) if count == most > 0]


def _differing(paths: Sequence[str]) -> list[tuple]:
    """The words and numbers of each path that differ between them; () where they do not line up."""
    words = [re.findall(r"[A-Za-z]+|[0-9]+", path) for path in paths]
    words = [[int(word) if word.isdigit() else word for word in path] for path in words]
    if len({len(path) for path in words}) != 1:
        return [()] * len(paths)
    places = [n for n in range(len(words[0])) if len({path[n] for path in words}) > 1]
    return [tuple(path[n] for n in places) for path in words]
