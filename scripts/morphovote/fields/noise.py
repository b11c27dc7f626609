"""Compare noise maps with their images: another image, a weight map as rms, the wrong pair."""

from contextlib import ExitStack
from typing import NamedTuple

import numpy as np
from astropy.table import Row, Table

from morphovote.errors import InputError
from morphovote.fields.images import open_image, read_section, weight_to_rms
from morphovote.fields.missing import missing_pixels
from morphovote.logs import log, progress

# Side (px) of the sections that are looked at; of up to MANY images all nine, of more the middle
# one, of at most MOST images.
BOX, MANY, MOST = 100, 12, 300
# The factor by which noise map and pixels may differ, and by which a pair may differ from the rest.
NOISE_FACTOR, ODD_FACTOR = 10, 3
# A map with more negative pixels than this is no noise.
NEGATIVE = 0.2


class Found(NamedTuple):
    """What the sections of one tile show.

    `scatter` and `rms` are medians, NaN where the map is `relative` or nothing could be compared;
    `empty` says that the map has nothing where the image has data, `same` that its pixels are the
    image's, and `negative` which share of them is below zero.
    """

    scatter: float
    rms: float
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
    found, wrong = {}, {}
    for number in progress(numbers, len(numbers), "noise maps"):
        tile = tiles[int(number)]
        try:
            one = _look(tile, len(tiles) <= MANY)
            _judge(tile, one)
            found[int(number)] = one
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
    if all(one.empty for one in found.values()):
        tile = tiles[0]
        raise InputError(
            f"{tile['RMS'] or tile['WEIGHT']}: no positive numbers where its image has data, "
            "expected the noise there.\nGive another map, or leave `rms` or `weight` out."
        )
    ratio = {n: one.scatter / one.rms for n, one in found.items() if one.scatter > 0}
    usual = float(np.median(list(ratio.values()) or [1.0]))
    for number, own in ratio.items():
        if not 1 / ODD_FACTOR < own / usual < ODD_FACTOR:
            tile = tiles[number]
            log.warning(
                "%s: its pixels scatter by %.2g of the noise of %s, the other images' by %.2g of "
                "theirs: is the map another image's?", tile["IMAGE"], own, tile["RMS"], usual,
            )  # fmt: skip


def _look(tile: Row, closely: bool) -> Found:
    """What a tile's image and noise map show in a few sections."""
    pairs, empty, data, negative, same = [], False, 0, 0, True
    with ExitStack() as stack:
        image, noise, convert, relative = open_tile(stack, tile)
        places = probe_sections(image.shape)
        for place in places if closely else places[4:5]:
            pixels, raw = read_section(image, *place), read_section(noise, *place)
            there = ~missing_pixels(pixels)
            same &= np.array_equal(pixels, raw, equal_nan=True)
            if there.mean() < 0.5:
                continue
            data += np.count_nonzero(there)
            negative += np.count_nonzero(raw[there] < 0)
            rms = convert(raw)
            if missing_pixels(pixels, rms).mean() > 0.5:
                empty = True
                continue
            # Differences between pixels hold little of the galaxies' light.
            difference = np.abs(pixels[:, 2:] - pixels[:, :-2])
            scatter = 1.05 * np.median(difference[np.isfinite(difference)])
            pairs.append((scatter, float(np.median(rms[rms > 0]))))
    pairs.sort(key=lambda pair: pair[0] / pair[1])
    middle = pairs[len(pairs) // 2] if pairs and not relative else (np.nan, np.nan)
    return Found(*middle, empty and not pairs, same and data > 0, negative / max(data, 1))


def _judge(tile: Row, found: Found) -> None:
    """Stop at a map that cannot be the noise of its image."""
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
    scatter, rms = found.scatter, found.rms
    if not scatter > 0 or 1 / NOISE_FACTOR < scatter / rms < NOISE_FACTOR:
        return
    root = scatter / np.sqrt(rms)
    variance = (
        "Its square root would fit: if it holds the variance, call its plane so (EXTNAME = "
        "'VARIANCE'). " if 1 / ODD_FACTOR < root < ODD_FACTOR else ""
    )  # fmt: skip
    raise InputError(
        f"{path}: says a noise of {rms:.3g}, but the pixels of {tile['IMAGE']} scatter "
        f"by {scatter:.3g}.\nExpected the rms in the image's unit. {variance}If it holds 1 / "
        "variance, give it as `weight:`; else convert it."
    )


def probe_sections(shape: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Sections (y, x, height, width) in a grid of 3 x 3 over an image."""
    sides = [min(side, BOX) for side in shape]
    starts = [[int(part * (side - box)) for part in (0.1, 0.5, 0.9)]
              for side, box in zip(shape, sides, strict=True)]  # fmt: skip
    return [(y, x, *sides) for y in starts[0] for x in starts[1]]
