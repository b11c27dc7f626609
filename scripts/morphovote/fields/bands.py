"""In which band each galaxy of a field is taken, and the images of all bands as one set of tiles.

Each band is listed as a field of its own would be; here the lists are put together. A tile then has
what else holds for the whole field: band, pixel scale, zero point, PSF.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from astropy.table import Column, Table, vstack

from morphovote.errors import InputError
from morphovote.fields.images import Image
from morphovote.fields.sources import list_sources
from morphovote.fields.tiles import common_pixel_scale, inspect_tiles
from morphovote.flags import FAR_BAND, NO_REDSHIFT, NOT_COVERED
from morphovote.logs import collect_warnings, log

# Positions in pixels of images of the same sky agree to this many pixels.
SAME_PLACE = 1.0


class Choice(NamedTuple):
    """The band of each of N galaxies.

    `band` is its number; `rest_wavelength` where that lies at the galaxy's redshift (micrometres,
    NaN where either is unknown); `flag` has bits of `flags.BAND_FLAGS`.
    """

    band: np.ndarray
    rest_wavelength: np.ndarray
    flag: np.ndarray


def choose_bands(
    redshift: np.ndarray,
    covered: np.ndarray,
    wavelength: np.ndarray,
    fallback: int,
    rest_frame: float | None = None,
    within: float | None = None,
) -> Choice:
    """Take each galaxy in one band.

    With `rest_frame` that is, of the bands whose images cover the galaxy, the one whose wavelength
    is nearest to it in the galaxy's rest frame, the first of two that are equally near. Where there
    is no redshift, or the nearest lies farther than `within`, and always without `rest_frame`, it
    is the fallback; where that does not cover the galaxy, the first band that does.

    Parameters
    ----------
    redshift : ndarray, shape (N,)
        NaN where unknown.
    covered : ndarray of bool, shape (N, B)
        Whether an image of each band holds the galaxy.
    wavelength : ndarray, shape (B,)
        Micrometres; NaN where not given.
    fallback : int
        Number of the band for galaxies that cannot be taken at `rest_frame`.
    rest_frame, within : float, optional
        Micrometres, rest frame.

    Returns
    -------
    Choice
    """
    redshift, wavelength = np.asarray(redshift, dtype=float), np.asarray(wavelength, dtype=float)
    count = len(redshift)
    known = np.isfinite(redshift) & (redshift > -1)
    stretch = 1 + np.where(known, redshift, np.nan)
    rest = wavelength[None, :] / stretch[:, None]
    flag = np.zeros(count, dtype=np.int32)
    band = np.full(count, fallback, dtype=np.int64)
    if rest_frame is not None:
        # What rounding makes of two bands that are equally near must not choose between them.
        apart = np.where(covered & known[:, None], np.abs(rest - rest_frame), np.inf).round(9)
        nearest = apart.argmin(axis=1)
        distance = apart[np.arange(count), nearest]
        near = distance <= (np.inf if within is None else within)
        near &= np.isfinite(distance)
        band = np.where(near, nearest, band)
        flag |= np.where(known, 0, NO_REDSHIFT).astype(np.int32)
        flag |= np.where(known & ~near & covered.any(axis=1), FAR_BAND, 0).astype(np.int32)
    outside = ~covered[np.arange(count), band]
    band = np.where(outside & covered.any(axis=1), covered.argmax(axis=1), band)
    flag |= np.where(outside & covered.any(axis=1), NOT_COVERED, 0).astype(np.int32)
    return Choice(band, rest[np.arange(count), band], flag)


def inspect_bands(bands: Sequence[dict], forgiving: bool = False) -> tuple[list[Image], Table]:
    """Read the headers of all bands' images: `tiles.inspect_tiles` of each, one after the other.

    Parameters
    ----------
    bands : sequence of dict
        Of the completed config.
    forgiving : bool
        See `inspect_tiles`.

    Returns
    -------
    list of Image
    Table
        As from `inspect_tiles`, with the columns of `add_band`.
    """
    images, parts = [], []
    for band in bands:
        given = {key: band[key] for key in ("rms", "weight", "planes", "psfs")}
        found, tiles = inspect_tiles(band["images"], **given, forgiving=forgiving)
        scale = common_pixel_scale(found, band["pixel_scale"])
        images += found
        parts.append(add_band(tiles, band, scale))
    return images, join_tiles(parts)


def add_band(tiles: Table, band: dict, scale: float) -> Table:
    """Add to the tiles of one band what they have of their own: BAND, PIXSCALE, ZEROPT, PSF.

    PSF is '' without one; PSF_SAMPLES is the number of its samples along a pixel, NaN where the
    PSF's header tells it; ZEROPT is NaN where unknown.
    """
    tiles = tiles.copy()
    count = len(tiles)
    tiles["BAND"] = np.full(count, band["name"])
    tiles["PIXSCALE"] = np.full(count, float(scale))
    tiles["ZEROPT"] = np.full(count, _number(band["zero_point"]))
    if "PSF" not in tiles.colnames:
        tiles["PSF"] = np.full(count, (band["psf_plane"] or [""])[0])
    tiles["PSF_SAMPLES"] = np.full(count, _number(band["psf_oversampling"]))
    return tiles


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def join_tiles(parts: Sequence[Table]) -> Table:
    """The tiles of several bands as one table; its `meta` is that of the first."""
    parts = [part.copy() for part in parts]
    if any("VARIANCE" in part.colnames for part in parts):
        for part in parts:
            if "VARIANCE" not in part.colnames:
                part["VARIANCE"] = np.zeros(len(part), dtype=bool)
    joined = vstack(parts, metadata_conflicts="silent")
    joined.meta = dict(parts[0].meta)
    return joined


def list_band_sources(
    bands: Sequence[dict],
    choice: dict,
    kind: str,
    catalogue: str | None = None,
    *,
    shard_size: int = 1000,
    notes: Sequence[str] = (),
    **given,
) -> tuple[Table, Table]:
    """Make the source list of a field with several bands.

    Parameters
    ----------
    bands : sequence of dict
        Of the completed config.
    choice : dict
        Its `band`, `rest_frame`, `rest_frame_within` and `match_bands`.
    kind, catalogue, shard_size, notes, **given
        See `sources.list_sources`.

    Returns
    -------
    sources : Table
        As from `list_sources`, with BAND; REST_WAVELENGTH (micrometres); BAND_FLAG (bits of
        `flags.BAND_FLAGS`); and, shape (N, B) each, BAND_TILE, BAND_X, BAND_Y: the place of each
        source in each band. TILE, X and Y are those in its own band.
    tiles : Table
        Of all bands, see `add_band`; with a column MATCHED where cutouts are to be brought to one
        PSF. The pixel scale and zero point of `meta` are those of `band`.

    Raises
    ------
    InputError
        If the config and the files do not fit together.
    """
    lists, parts, told = [], [], [*notes, *_without_psf(bands)]
    for band in bands:
        with collect_warnings() as warnings:
            try:
                listed, tiles = list_sources(
                    band["images"], kind, catalogue, pattern=band["pattern"] or "",
                    **{key: band[key] for key in ("rms", "weight", "planes", "psfs")},
                    pixel_scale=band["pixel_scale"], zero_point=band["zero_point"],
                    shard_size=shard_size, **given,
                )  # fmt: skip
            except InputError as error:
                raise InputError(f"Band {band['name']}: {error}") from error
        told += [note for note in json.loads(tiles.meta["NOTES"]) if note not in told]
        told += _doubts(band, warnings)
        lists.append(listed)
        parts.append(add_band(tiles, band, tiles.meta["PIXSCALE"]))
    names = [band["name"] for band in bands]
    own = names.index(choice["band"])
    _check_places(lists, parts, names, kind)
    lists = lists if catalogue is not None else _by_id(lists)
    wave = np.array([_number(band["wavelength"]) for band in bands])
    sources = _choose(lists, np.cumsum([0, *map(len, parts)])[:-1], wave, own, choice, names)
    if catalogue is None:
        sources["SHARD"] = np.arange(len(sources)) // shard_size
    tiles = join_tiles(parts)
    if choice["match_bands"]:
        tiles["MATCHED"] = np.ones(len(tiles), dtype=bool)
    tiles.meta = parts[own].meta | {"NOTES": json.dumps([*told, *_count(sources, names, choice)])}
    return sources, tiles


def _doubts(band: dict, warnings: Sequence[str]) -> list[str]:
    """What is to be noted of one band beside its planes."""
    return [f"band {band['name']}: {text}" for text in warnings if "no cutout" in text]


def _without_psf(bands: Sequence[dict]) -> list[str]:
    """A sentence on each band that has no PSF, where others have one."""
    lone = [band["name"] for band in bands if not band["psf_plane"] and not band["psfs"]]
    if len(lone) == len(bands):
        return []
    about = "has no psf: r_e and n of its galaxies are not corrected for it, none is psf_limited"
    found = [f"band {name} {about}" for name in lone]
    for note in found:
        log.warning("%s", note)
    return found


def _check_places(
    lists: Sequence[Table], parts: Sequence[Table], names: Sequence[str], kind: str
) -> None:
    """Stop where one pair of pixel coordinates is taken for a place in images of unlike pixels."""
    if kind != "images":
        return
    for number in range(1, len(lists)):
        first, other = lists[0], lists[number]
        both = (np.asarray(first["TILE"]) >= 0) & (np.asarray(other["TILE"]) >= 0)
        by_pixels = both.any() and all(
            np.array_equal(first[axis][both], other[axis][both]) for axis in "XY"
        )
        if not by_pixels:
            continue
        scales = [float(parts[n]["PIXSCALE"][0]) for n in (0, number)]
        apart = np.hypot(
            (np.asarray(first["RA"]) - np.asarray(other["RA"]))
            * np.cos(np.radians(np.asarray(first["DEC"]))),
            np.asarray(first["DEC"]) - np.asarray(other["DEC"]),
        )[both] * 3600 / scales[0]  # fmt: skip
        shifted = bool(np.isfinite(apart).any() and np.nanmax(apart) > SAME_PLACE)
        if shifted or abs(scales[1] / scales[0] - 1) > 0.01:
            raise InputError(
                f"Bands {names[0]} and {names[number]}: their images have other pixels, but the "
                "catalogue gives positions in pixels, which can be those of one of them only.\n"
                "Give RA and Dec (`columns: {ra: ..., dec: ...}`) and images with a WCS."
            )


def _by_id(lists: Sequence[Table]) -> list[Table]:
    """Lists of ready cutouts without a catalogue, brought to the same rows: all ids of any band."""
    kinds = {np.asarray(one["ID"]).dtype.kind for one in lists}
    ids = [np.asarray(one["ID"]) if len(kinds) == 1 else np.asarray(one["ID"]).astype(str)
           for one in lists]  # fmt: skip
    every = np.unique(np.concatenate(ids))
    brought = []
    for own, listed in zip(ids, lists, strict=True):
        place = {one: row for row, one in enumerate(own.tolist())}
        row = np.array([place.get(one, -1) for one in every.tolist()])
        new = listed[np.maximum(row, 0)]
        new["ID"], new["ROW"] = every, np.arange(len(every), dtype=np.int64)
        new["TILE"][row < 0] = -1
        for name in new.colnames:
            if name not in ("ID", "ROW", "TILE", "SHARD", "SELECTED"):
                new[name][row < 0] = np.nan
        brought.append(new)
    return brought


def _choose(
    lists: Sequence[Table],
    offsets: np.ndarray,
    wavelength: np.ndarray,
    own: int,
    choice: dict,
    names: Sequence[str],
) -> Table:
    """The list of the fallback band, with each source moved to the band that it is taken in."""
    sources = lists[own].copy()
    redshift = np.asarray(sources["REDSHIFT"], dtype=float)
    chosen = np.asarray(sources["SELECTED"], dtype=bool)
    if choice["rest_frame"] is not None and not np.isfinite(redshift[chosen]).any():
        raise InputError(
            "`rest_frame` needs redshifts, and no selected source has one.\nGive their column "
            "(`columns: {redshift: ...}`), or take all galaxies in one band (`band`)."
        )
    tile = np.stack([np.asarray(one["TILE"]) for one in lists], axis=1)
    covered = tile >= 0
    tile = np.where(covered, tile + offsets, -1)
    places = {axis: np.stack([np.asarray(one[axis]) for one in lists], axis=1) for axis in "XY"}
    found = choose_bands(
        redshift, covered, wavelength, own, choice["rest_frame"], choice["rest_frame_within"]
    )
    every = np.arange(len(sources))
    sources["TILE"] = tile[every, found.band]
    for axis in "XY":
        sources[axis] = places[axis][every, found.band]
    for axis in ("RA", "DEC"):
        # Cutouts tell where a galaxy is, and not every band has one of it.
        for one in lists:
            unknown = np.isnan(sources[axis])
            sources[axis][unknown] = one[axis][unknown]
    sources["BAND"] = np.asarray(names)[found.band]
    sources["REST_WAVELENGTH"] = Column(found.rest_wavelength.astype(np.float32), unit="um")
    sources["BAND_FLAG"] = found.flag
    sources["BAND_TILE"] = tile
    for axis in "XY":
        sources[f"BAND_{axis}"] = places[axis]
    return sources


def _count(sources: Table, names: Sequence[str], choice: dict) -> list[str]:
    """Say how many galaxies are taken in which band, and how many in the fallback for a reason."""
    chosen = np.asarray(sources["SELECTED"], dtype=bool) & (np.asarray(sources["TILE"]) >= 0)
    taken = [
        f"{np.count_nonzero(chosen & (sources['BAND'] == name)):,} in {name}" for name in names
    ]
    target = choice["rest_frame"]
    log.info("galaxies taken%s: %s", f" at {target:g} micrometres, rest frame" if target else "",
             ", ".join(taken))  # fmt: skip
    reasons = {
        NO_REDSHIFT: "without a redshift",
        FAR_BAND: f"without a band within {choice['rest_frame_within'] or 0:g} micrometres "
        f"of {target or 0:g}, rest frame",
        NOT_COVERED: "outside the images of the band that they were to be taken in",
    }
    notes = []
    for bit, why in reasons.items():
        lost = np.count_nonzero(chosen & ((np.asarray(sources["BAND_FLAG"]) & bit) > 0))
        if lost:
            where = "another" if bit == NOT_COVERED else choice["band"]
            told = f"{lost:,} of {np.count_nonzero(chosen):,} galaxies {why}"
            notes.append(f"{told}: taken in {where}, and flagged")
            log.warning("%s", notes[-1])
    return notes


def in_band(sources: Table, number: int) -> Table:
    """Sources with TILE, X and Y in one band: that of this number."""
    moved = sources.copy()
    moved["TILE"] = np.asarray(sources["BAND_TILE"])[:, number]
    for axis in "XY":
        moved[axis] = np.asarray(sources[f"BAND_{axis}"])[:, number]
    return moved
