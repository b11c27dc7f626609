"""Compare noise maps with their images: another image, a weight map as rms, the wrong pair."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
from astropy.table import Row, Table

from morphovote.errors import InputError
from morphovote.fields.images import open_image, read_section, weight_to_rms
from morphovote.fields.missing import missing_pixels
from morphovote.fields.planes import plane_shape
from morphovote.logs import log, progress

# Side (px) of the sections that are looked at; of up to MANY images all nine, of more the middle
# one, of at most MOST images.
BOX, MANY, MOST = 100, 12, 300
# The factor by which noise map and pixels may differ, and by which a pair may differ from the rest.
NOISE_FACTOR, ODD_FACTOR = 10, 3
# The factor within which a map of another kind has the level of the pixels.
LIKE_FACTOR = 2
# A map varies if its upper third is so many times its lower third; and by how much the scatter of
# pixels may differ for other reasons.
VARIES, OTHER = 1.3, 0.1
# Steps (px) over which pixels are compared: noise that goes together in neighbouring pixels, as in
# drizzled images, is seen over the second only. The noise of independent pixels, which maps give,
# is above it by a factor, at most the third.
NEAR, FAR, DRIZZLED = 1, 8, 6.0
# A map with more negative pixels than this is no noise.
NEGATIVE = 0.2


class Kind(NamedTuple):
    """What a noise map can be: in words, its noise, how it goes with that, and what to write."""

    words: str
    noise: Callable[[float], float]
    power: float
    advice: str


KINDS = {
    "rms": Kind("an rms map", float, 1.0, "Give it as `rms:`"),
    "variance": Kind(
        "a variance map (its square root fits)", lambda level: level**0.5, 0.5,
        "Name its plane VARIANCE and give it as `rms:`: python -c \"from astropy.io import fits; "
        "fits.setval('{path}', 'EXTNAME', value='VARIANCE', ext={hdu})\"",
    ),
    "weight": Kind(
        "a weight map, 1 / variance", lambda level: level**-0.5, -0.5, "Give it as `weight:`"
    ),
}  # fmt: skip


class Found(NamedTuple):
    """What the sections of one tile show.

    `near` and `scatter`, of the pixels over the steps NEAR and FAR, and `level`, of the map as it
    is in the file, are medians, NaN where nothing could be compared; `power` says how the scatter
    goes with the map from pixel to pixel, with its error: as its 1st power in an rms map, -1/2 in
    weights; NaN in a flat map. `empty` says that the map has nothing where the image has data,
    `same` that its pixels are the image's, and `negative` which share of them is below zero.
    """

    near: float
    scatter: float
    level: float
    power: float
    error: float
    empty: bool
    same: bool
    negative: float


def open_tile(stack: ExitStack, tile: Row):
    """Open a tile's image and noise map, to be closed by `stack`.

    Returns
    -------
    image : ImageHDU
        For `read_section`.
    noise : ImageHDU or None
    convert : callable
        Turns a section of `noise` into rms.
    relative : bool
        Whether the noise is known up to a factor only: a weight map's.
    """
    image = stack.enter_context(open_image(str(tile["IMAGE"]), int(tile["HDU"])))
    if tile["RMS"]:
        noise = stack.enter_context(open_image(str(tile["RMS"]), int(tile["RMS_HDU"])))
        variance = "VARIANCE" in tile.colnames and bool(tile["VARIANCE"])
        return image, noise, variance_to_rms if variance else np.asarray, False
    if tile["WEIGHT"]:
        noise = stack.enter_context(open_image(str(tile["WEIGHT"]), int(tile["WEIGHT_HDU"])))
        return image, noise, weight_to_rms, True
    return image, None, np.asarray, False


def variance_to_rms(variance: np.ndarray) -> np.ndarray:
    """Noise from variance, NaN where that is not positive."""
    with np.errstate(invalid="ignore"):
        return np.where(variance > 0, np.sqrt(np.abs(variance)), np.nan).astype(np.float32)


def check_noise(tiles: Table, forgiving: bool = False) -> None:
    """Stop where noise maps are empty, their own images, no noise, or far off the pixels' scatter.

    A weight map given as rms, one of another unit, or the map of another image would go unnoticed:
    everything is scaled by it. A few sections of each pair are looked at.

    Parameters
    ----------
    tiles : Table
        From `tiles.inspect_tiles`.
    forgiving : bool
        Take single maps that cannot be away from their images, whose noise is then measured, with a
        warning. Stop only where most of them cannot be.

    Raises
    ------
    InputError
        Naming the first pair that cannot be.
    """
    numbers = np.unique(np.linspace(0, len(tiles) - 1, MOST).astype(int))
    found, wrong, doubts = {}, {}, {}
    for number in progress(numbers, len(numbers), "noise maps"):
        tile = tiles[int(number)]
        try:
            one = _look(tile, len(tiles) <= MANY)
            doubt = _judge(tile, one)
            found[int(number)] = one
            doubts |= {int(number): doubt} if doubt else {}
        except InputError as error:
            if not forgiving:
                raise
            wrong[int(number)] = error
    if len(wrong) > len(numbers) / 2:
        raise next(iter(wrong.values()))
    for number, error in wrong.items():
        log.warning("%s: its noise is measured, not taken from its map: %s",
                    tiles["IMAGE"][number], error)  # fmt: skip
        for key in ("RMS", "WEIGHT"):
            tiles[key][number], tiles[f"{key}_HDU"][number] = "", -1
    for doubt in list(doubts.values())[:1]:
        more = f" (and {len(doubts) - 1} more maps)" if len(doubts) > 1 else ""
        log.warning("%s%s", doubt, more)
    if all(one.empty for one in found.values()):
        tile = tiles[0]
        raise InputError(
            f"{tile['RMS'] or tile['WEIGHT']}: no positive numbers where its image has data, "
            "expected the noise there.\nGive another map, or leave `rms` or `weight` out."
        )
    ratio = {
        n: one.scatter / KINDS[_kind(tiles[n])].noise(one.level)
        for n, one in found.items() if one.scatter > 0 and not tiles["WEIGHT"][n]
    }  # fmt: skip
    usual = float(np.median(list(ratio.values()) or [1.0]))
    for number, own in ratio.items():
        if not 1 / ODD_FACTOR < own / usual < ODD_FACTOR:
            tile = tiles[number]
            log.warning(
                "%s: its pixels scatter by %.2g of the noise of %s, the other images' by %.2g of "
                "theirs: is the map another image's?", tile["IMAGE"], own, tile["RMS"], usual,
            )  # fmt: skip


def pixel_scatter(pixels: np.ndarray, step: int = FAR) -> float:
    """Noise of a pixel, as pixels `step` apart tell, of which a quarter may lie on galaxies' sides.

    NaN where none are known.
    """
    difference = np.abs(_steps(pixels, min(step, pixels.shape[1] // 2)))
    difference = difference[np.isfinite(difference)]
    if not len(difference):
        return np.nan
    # Lower quartile and median of the difference of two normal deviates; the first is 0 where
    # pixels are rounded to coarse steps.
    low, middle = np.percentile(difference, (25, 50))
    return float(low / 0.4506 if low > 0 else middle / 0.9539)


def _steps(pixels: np.ndarray, step: int) -> np.ndarray:
    return pixels[:, step:] - pixels[:, :-step] if step else np.zeros((0, 0))


def _look(tile: Row, closely: bool) -> Found:
    """What a tile's image and noise map show in a few sections."""
    pairs, parts, empty, data, negative, same = [], [], False, 0, 0, True
    with ExitStack() as stack:
        image, noise, convert, _ = open_tile(stack, tile)
        places = probe_sections(plane_shape(image))
        for place in places if closely else places[4:5]:
            pixels, raw = read_section(image, *place), read_section(noise, *place)
            there = ~missing_pixels(pixels)
            same &= np.array_equal(pixels, raw, equal_nan=True)
            if there.mean() < 0.5:
                continue
            data += np.count_nonzero(there)
            negative += np.count_nonzero(raw[there] < 0)
            rms = convert(raw)
            missing = missing_pixels(pixels, rms)
            if missing.mean() > 0.5:
                empty = True
                continue
            pixels = np.where(missing, np.nan, pixels)
            level = float(np.median(raw[~missing]))
            noises = [pixel_scatter(pixels, step) for step in (NEAR, FAR)]
            pairs.append((*noises, level, float(np.median(rms[~missing]))))
            difference = np.abs(_steps(pixels, FAR))
            known = np.isfinite(difference)
            parts.append((raw[:, FAR // 2 : -FAR // 2][known], difference[known]))
    pairs.sort(key=lambda pair: pair[1] / pair[3])
    middle = pairs[len(pairs) // 2][:3] if pairs else (np.nan,) * 3
    power = _power(*map(np.concatenate, zip(*parts, strict=True))) if parts else (np.nan, np.inf)
    return Found(*middle, *power, empty and not pairs, same and data > 0, negative / max(data, 1))


def _power(raw: np.ndarray, difference: np.ndarray) -> tuple[float, float]:
    """How the scatter of pixels goes with the map (N,): the exponent, and its error."""
    third = len(raw) // 3
    if third < 100:
        return np.nan, np.inf
    order = np.argsort(raw, kind="stable")
    low, high = order[:third], order[-third:]
    levels = [float(np.median(raw[part])) for part in (low, high)]
    scatters = [float(np.percentile(difference[part], 25)) for part in (low, high)]
    if min(levels) <= 0 or min(scatters) <= 0 or levels[1] < VARIES * levels[0]:
        return np.nan, np.inf
    span = np.log(levels[1] / levels[0])
    # Of the lower quartile of absolute values; where noise goes together, a quarter of them count.
    error = np.hypot(1.72 * np.sqrt(2 * 4 / third), OTHER)
    return float(np.log(scatters[1] / scatters[0]) / span), float(error / span)


def _kind(tile: Row) -> str:
    """What a tile's map is read as: a key of `KINDS`."""
    if tile["WEIGHT"]:
        return "weight"
    return "variance" if "VARIANCE" in tile.colnames and tile["VARIANCE"] else "rms"


def _judge(tile: Row, found: Found) -> str:
    """Stop at a map that cannot be the noise of its image; a sentence where that is in doubt."""
    key = "rms" if tile["RMS"] else "weight"
    path = tile["RMS"] or tile["WEIGHT"]
    own = path == tile["IMAGE"] and tile[f"{key.upper()}_HDU"] == tile["HDU"]
    if own or found.same:
        raise InputError(
            f"{path}: its pixels are those of the image {tile['IMAGE']} itself, expected its noise."
            f"\nGive the map in `{key}` (a plane as file.fits[NAME]), or leave `{key}` out."
        )
    if found.negative > NEGATIVE:
        raise InputError(
            f"{path}: {100 * found.negative:.0f} % of its pixels are negative, which no noise is.\n"
            f"Give the noise map in `{key}`, or leave `{key}` out: is this one an image?"
        )
    return _judge_level(tile, found) if found.scatter > 0 and found.level > 0 else ""


def _judge_level(tile: Row, found: Found) -> str:
    """As `_judge`, by the level of the map and by how the scatter of the pixels goes with it."""
    kind = _kind(tile)
    off = {k: _off(one.noise(found.level), found) for k, one in KINDS.items()}
    place = {"path": tile["RMS"] or tile["WEIGHT"]}
    place["hdu"] = tile["RMS_HDU"] if tile["RMS"] else tile["WEIGHT_HDU"]
    said = KINDS[kind].noise(found.level)
    text = (
        f"{place['path']}: says a noise of {said:.3g}, but the pixels of {tile['IMAGE']} scatter "
        f"by {found.scatter:.3g}."
    )
    like = min((k for k in KINDS if k != kind), key=off.__getitem__)
    alike = off[kind] > np.log(ODD_FACTOR) and off[like] < np.log(LIKE_FACTOR)
    # Whether the variations of the map speak for that: 1, against it: -1, or not at all: 0.
    nearer = abs(found.power - KINDS[kind].power) - abs(found.power - KINDS[like].power)
    speaks = int(np.sign(nearer)) if abs(nearer) > 3 * found.error else 0
    absurd = kind != "weight" and off[kind] > np.log(NOISE_FACTOR)
    if absurd or (alike and speaks > 0):
        looks = (
            f"It looks like {KINDS[like].words}. {KINDS[like].advice.format(**place)}"
            if off[like] < np.log(ODD_FACTOR)
            else "If it holds 1 / variance, give it as `weight:`; else convert it"
        )
        raise InputError(f"{text}\nExpected {_expected(kind)}. {looks}.")
    if alike and speaks == 0:
        return (
            f"{text} It looks like {KINDS[like].words}, not {KINDS[kind].words}. "
            f"{KINDS[like].advice.format(**place)}, unless you know better"
        )
    if kind == "weight" and found.power > max(0.2, 3 * found.error):
        return (
            f"{place['path']}: the pixels of {tile['IMAGE']} scatter more where it is larger, "
            "expected less, as with weights. If it holds the noise, give it as `rms:`"
        )
    return ""


def _off(noise: float, found: Found) -> float:
    """How far a noise is from what the pixels show: a natural logarithm, 0 where it fits.

    Noise that was smoothed by a Gaussian of s px scatters 0.28 / s as much as before, and over
    NEAR pixels less still: the square of the ratio of both scatters is about what was lost.
    """
    near = min(max(found.near, found.scatter / DRIZZLED), found.scatter)
    most = found.scatter * min((found.scatter / near) ** 2, DRIZZLED)
    return float(max(np.log(near / noise), np.log(noise / most), 0.0))


def _expected(kind: str) -> str:
    unit = {"rms": "the rms in the image's unit", "variance": "the variance in its unit squared"}
    return unit.get(kind, "1 / variance, or weights that go with it")


def probe_sections(shape: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Sections (y, x, height, width) in a grid of 3 x 3 over an image."""
    sides = [min(side, BOX) for side in shape]
    starts = [[int(part * (side - box)) for part in (0.1, 0.5, 0.9)]
              for side, box in zip(shape, sides, strict=True)]  # fmt: skip
    return [(y, x, *sides) for y in starts[0] for x in starts[1]]
