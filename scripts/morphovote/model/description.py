"""The description of a model in model.json: what it was fitted on.

It holds no dates or machine names, so that the same input gives the same file.
"""

import platform
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from morphovote import __version__
from morphovote.fields.psf_widths import different_psfs, measure_fwhm
from morphovote.flags import MISSING, NO_DATA
from morphovote.storage import shards
from morphovote.storage.digests import hash_file
from morphovote.storage.files import write_json
from morphovote.storage.model_files import read_model

QUANTILES = (0.01, 0.05, 0.16, 0.25, 0.5, 0.75, 0.84, 0.95, 0.99)
PACKAGES = ("torch", "timm", "scikit-learn", "numpy")
# Header keys in which surveys name the filter; ACS has two filter wheels, one of them clear.
BANDS = ("FILTER", "FILTNAM1", "FILTER1", "FILTER2", "BAND")
SECTIONS = ("cutout", "denoiser", "polar", "encoder", "pca", "voting")


def measure_psf(psf: np.ndarray, pixel_scale: float) -> dict[str, float]:
    """Width of a PSF.

    Parameters
    ----------
    psf : ndarray
        In pixels of the images, of sum 1.
    pixel_scale : float
        Of the images, arcsec.

    Returns
    -------
    dict
        fwhm : arcsec, the diameter of a circle with the area above half of the peak.
        noise_area : square arcsec, the area whose sky noise equals that of an optimally measured
            point source: one over the sum of squares of the PSF (King 1983, PASP 95, 163).
    """
    return {
        "fwhm": measure_fwhm(psf) * pixel_scale,
        "noise_area": float(pixel_scale**2 / (psf**2).sum()),
    }


def measure_depth(
    rms: float, pixel_scale: float, zero_point: float, psf: dict | None
) -> dict[str, float | None]:
    """Depth of a field.

    Parameters
    ----------
    rms : float
        Noise of a pixel, in the images' unit.
    pixel_scale : float
        Arcsec.
    zero_point : float
        AB magnitude of one unit of flux; NaN where unknown.
    psf : dict or None
        As `measure_psf` returns it.

    Returns
    -------
    dict
        sky_rms; sky_limit : AB magnitude of the noise in one square arcsec; point_limit : AB
        magnitude of a point source at five sigma. None where unknown. The noise of neighbouring
        pixels is assumed to be independent, so the limits are too faint for drizzled images.
    """
    known = np.isfinite(zero_point) and np.isfinite(rms) and rms > 0
    density = rms / pixel_scale
    limits: dict[str, float | None] = {"sky_limit": None, "point_limit": None}
    if known:
        limits["sky_limit"] = float(zero_point - 2.5 * np.log10(density))
        if psf is not None:
            noise = density * np.sqrt(psf["noise_area"])
            limits["point_limit"] = float(zero_point - 2.5 * np.log10(5 * noise))
    return {"sky_rms": float(rms) if np.isfinite(rms) else None, **limits}


def read_band(path: str | Path, hdu: int) -> str | None:
    """Filter of an image from its headers; None if they do not name it."""
    try:
        with fits.open(path) as hdus:
            headers = [hdus[hdu].header, hdus[0].header]
    except (OSError, IndexError):
        return None
    for header in headers:
        names = [str(header.get(key, "")).strip() for key in BANDS]
        names = [name for name in names if name and not name.upper().startswith("CLEAR")]
        if names:
            return names[0]
    return None


def quantiles(values: np.ndarray) -> dict[str, float] | None:
    """`QUANTILES` of the finite values, by name; None if there are none."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    found = np.quantile(values, QUANTILES)
    return {f"{q:g}": float(value) for q, value in zip(QUANTILES, found, strict=True)}


def describe_field(
    sources: Table,
    tiles: Table,
    cutouts: Sequence[str | Path],
    psf: Callable[[int, float, float], np.ndarray] | None,
) -> dict:
    """Describe a field's images and galaxies, as they are in the cutouts that a model sees.

    Parameters
    ----------
    sources, tiles : Table
        As `sources.read_sources` returns them.
    cutouts : sequence of path
        All shards.
    psf : callable or None
        From `psf_matching.cutout_psf`; where it varies, the medians of its widths count.

    Returns
    -------
    dict
        images_pixel_scale, pixel_scale (arcsec; of the images, of the cutouts), zero_point, band,
        psf_fwhm (arcsec), sky_rms, sky_limit, point_limit (see `measure_depth`), galaxies,
        magnitude and snr (quantiles). None where unknown.
    """
    chosen = np.asarray(sources["SELECTED"], dtype=bool)
    snr, noise = [], []
    for path in cutouts:
        for batch in shards.iterate_batches(path, ["flags", "snr", "rms", "mask"], 256):
            good = (batch["flags"] & NO_DATA) == 0
            snr.append(batch["snr"][good])
            noise += [
                np.median(rms[(mask & MISSING) == 0])
                for rms, mask in zip(batch["rms"][good], batch["mask"][good], strict=True)
            ]
    attributes = shards.read_attributes(cutouts[0])
    scale, zero_point = float(attributes["pixel_scale"]), float(tiles.meta["ZEROPT"])
    width = None
    own = float(tiles.meta["PIXSCALE"])
    psfs = different_psfs(psf, sources) if psf else []
    if psfs:
        widths = [measure_psf(one, own) for one in psfs]
        width = {key: float(np.median([one[key] for one in widths])) for key in widths[0]}
    rms = float(np.median(noise)) if noise else np.nan
    return {
        "images_pixel_scale": float(tiles.meta["PIXSCALE"]),
        "pixel_scale": scale,
        "zero_point": zero_point if np.isfinite(zero_point) else None,
        "band": _bands(tiles),
        "psf_fwhm": None if width is None else width["fwhm"],
        **measure_depth(rms, scale, zero_point, width),
        "galaxies": len(noise),
        "magnitude": quantiles(np.asarray(sources["MAG"])[chosen]),
        "snr": quantiles(np.concatenate(snr)),
    }


def _bands(tiles: Table) -> str | None:
    """The bands of a field by their names in the config, or that of its first image's header."""
    if "BAND" in tiles.colnames:
        return ", ".join(dict.fromkeys(map(str, tiles["BAND"])))
    return read_band(str(tiles["IMAGE"][0]), int(tiles["HDU"][0]))


def describe_model(
    name: str, field: dict, card: dict, config: dict, files: Sequence[str | Path]
) -> dict:
    """Describe what a model was fitted on.

    Parameters
    ----------
    name : str
        The training field.
    field : dict
        As `describe_field` returns it.
    card : dict
        Card of the encoder, with `precision`, that of the embeddings.
    config : dict
    files : sequence of path
        The model's other files: voters.h5 and pca.h5 among them.

    Returns
    -------
    dict
        field, the entries of `describe_field`, settings (from the config), encoder, reference
        (number of galaxies in the reference sample), components, groups, voters, files (SHA-256 of
        each), versions, licence.
    """
    paths = {Path(path).name: Path(path) for path in files}
    reference, about = read_model(paths["voters.h5"], "voters", ("scale",))
    pca = read_model(paths["pca.h5"], "pca", ("explained_variance",))[0]
    kept = ("name", "weights", "source", "sha256", "licence", "precision")
    return {
        "field": name,
        **field,
        "reference": len(reference["scale"]),
        "components": len(pca["explained_variance"]),
        "groups": int(about["groups"]),
        "voters": str(about["voters"]),
        "encoder": {key: card[key] for key in kept if key in card},
        "settings": {section: config[section] for section in SECTIONS},
        "files": {name: hash_file(path) for name, path in sorted(paths.items())},
        "versions": fit_versions(),
        "licence": {"encoder": card.get("licence", "not stated")},
    }


def fit_versions() -> dict[str, str]:
    """Versions of the software that a fit depends on."""
    found = {"morphovote": __version__, "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in PACKAGES}


def write_description(description: dict, path: str | Path) -> None:
    """Write a description as JSON, complete or not at all."""
    write_json(path, description, ensure_ascii=False, allow_nan=False)
