"""Light of a galaxy's neighbours, modelled so that it can be taken off.

A neighbour's segment can be masked, its halo cannot: it lies over the galaxy. Each source of a
section is fitted with a Sersic profile on the pixels around it, the others' models taken off, the
brightest first and all of them twice.
"""

import numpy as np

from morphovote.fields.cutouts import Scene, grow
from morphovote.measure.sersic import Kernel, sersic_image
from morphovote.measure.sersic_fit import PARAMETERS, fit_sersic

# Neighbours that are modelled: above this S/N in their segment, and at most so many, those that
# shine most on the galaxy.
LEAST_SNR, MOST = 10.0, 10
# A round Sersic profile of any size has at most HALO times flux over distance squared on a pixel
# (n of 3; 0.06 for 2, 0.04 for 4). Neighbours that stay below FAINTEST times a pixel's noise this
# way are only masked.
HALO, FAINTEST = 0.05, 0.01
# Half a side of what a source is fitted on, in its second-moment radii, between limits (px).
REACH, NEAREST, FARTHEST = 5.0, 20, 60
# Other sources' segments are left out with this rim (px).
RIM = 2
# A fit ends when a step lowers chi2 by less than LESS.
SWEEPS, EVALUATIONS, LESS = 2, 20, 0.01
# A model that is known already is taken for a source this near (px).
SAME = 1.0
# A neighbour fitted with less than this many pixels is left to its mask.
FEWEST = 50


def first_guess(source: np.void) -> dict[str, float]:
    """Where a fit starts, from sep's moments of a source."""
    a = max(float(source["a"]), 1.0)
    return {
        "r_e": max(0.9 * a, 1.0),
        "n": 1.5,
        "x": float(source["x"]),
        "y": float(source["y"]),
        "axis_ratio": float(np.clip(source["b"] / a, 0.2, 0.95)),
        "angle": float(source["theta"]),
    }


def subtract_neighbours(
    scene: Scene,
    own: np.ndarray,
    main: int,
    kernel: Kernel | None,
    level_noise: float,
    known: list[dict[str, float]],
) -> tuple[np.ndarray, dict[str, float], list[dict[str, float]]]:
    """Model the light of a galaxy's neighbours.

    Parameters
    ----------
    scene : Scene
        From `cutouts.find_scene`.
    own : ndarray of bool
        The galaxy's segment, with the pieces that belong to it.
    main : int
        Row of `scene.found` that is the galaxy.
    kernel : Kernel or None
        From `sersic.prepare_kernel`.
    level_noise : float
        See `sersic_fit.fit_sersic`.
    known : list of dict
        Profiles of sources around, from a smaller part of the same section: fits start from them.

    Returns
    -------
    light : ndarray
        Of the neighbours, shape of the scene, units of its image.
    galaxy : dict
        The galaxy's own profile from the pixels around it: a first guess.
    models : list of dict
        All profiles, the galaxy's too.
    """
    shape = scene.image.shape
    numbers = chosen_neighbours(scene, own, main)
    models: dict[int, dict] = {}
    light = dict.fromkeys(numbers, 0.0)
    order = sorted([main, *numbers], key=lambda number: -scene.found["flux"][number])
    total = np.zeros(shape)
    if not numbers:
        return total, first_guess(scene.found[main]), known
    light[main] = 0.0
    for _ in range(SWEEPS):
        for number in order:
            total -= light[number]
            segment = own if number == main else scene.labels == number + 1
            start = models.get(number) or _known_or_guess(scene.found[number], known)
            found = _fit_around(scene, total, segment, start, number, kernel, level_noise)
            if found is not None:
                models[number] = found
                light[number] = found["amplitude"] * sersic_image(
                    *(found[name] for name in PARAMETERS[1:]), shape, kernel
                )
            total += light[number]
    galaxy = models.get(main) or first_guess(scene.found[main])
    return total - light[main], galaxy, list(models.values())


def _known_or_guess(source: np.void, known: list[dict[str, float]]) -> dict[str, float]:
    """The known profile at a source's place, or a first guess."""
    for model in known:
        if np.hypot(model["x"] - source["x"], model["y"] - source["y"]) < SAME:
            return model
    return first_guess(source)


def chosen_neighbours(scene: Scene, own: np.ndarray, main: int) -> list[int]:
    """Rows of `scene.found` that shine most on a galaxy, in falling order."""
    found, labels = scene.found, scene.labels.ravel()
    mine = set((np.unique(scene.labels[own]) - 1).tolist()) | {main}
    # From the pixels: sep's fluxes may be in units of a noise that is known up to a factor only.
    area = np.bincount(labels, minlength=len(found) + 1)[1:]
    light = np.bincount(labels, (scene.image / scene.rms).ravel(), len(found) + 1)[1:]
    distance = np.hypot(found["x"] - found["x"][main], found["y"] - found["y"][main])
    shine = light / np.maximum(distance, 1.0) ** 2
    chosen = (light >= LEAST_SNR * np.sqrt(np.maximum(area, 1))) & (HALO * shine >= FAINTEST)
    order = np.argsort(-shine, kind="stable").tolist()
    return [row for row in order if row not in mine and chosen[row]][:MOST]


def _fit_around(
    scene: Scene,
    total: np.ndarray,
    segment: np.ndarray,
    start: dict[str, float],
    number: int,
    kernel: Kernel | None,
    level_noise: float,
) -> dict[str, float] | None:
    """Fit one source on the pixels around it, other models taken off; None without enough."""
    source = scene.found[number]
    half = int(np.clip(REACH * source["a"], NEAREST, FARTHEST))
    row, column = round(float(source["y"])), round(float(source["x"]))
    bottom, left = max(row - half, 0), max(column - half, 0)
    place = (slice(bottom, row + half + 1), slice(left, column + half + 1))
    others = grow(np.ascontiguousarray((scene.labels[place] > 0) & ~segment[place]), RIM)
    valid = ~(others & ~segment[place]) & ~scene.missing[place]
    if np.count_nonzero(valid) < FEWEST:
        return None
    image = scene.image[place] - total[place]
    start = start | {"x": start["x"] - left, "y": start["y"] - bottom}
    rms = scene.rms[place].astype(float)
    found = fit_sersic(image, rms, valid, start, kernel, level_noise, EVALUATIONS, LESS)
    if not found["amplitude"] > 0:
        return None
    return found | {"x": found["x"] + left, "y": found["y"] + bottom}
