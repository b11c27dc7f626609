"""Real galaxies for the training: a folder of cutouts or pictures, through the stages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from morphovote import flags
from morphovote.compute.batches import map_ordered
from morphovote.denoise import noise, recorrupted
from morphovote.errors import InputError
from morphovote.fields.cutouts import BORDER, covered, cut_source
from morphovote.fields.images import open_fits, read_section
from morphovote.fields.planes import choose_plane, plane_shape
from morphovote.logs import log, progress
from morphovote.polar import moments
from morphovote.simulate.layered.images import SIZE

FITS = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")
PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
# Arcsec: sets only how far from its position a galaxy may lie.
PIXEL_SCALE = 0.03
# Passes of the denoiser's training; it need not be as good as a field's own.
EPOCHS = 4
# Fewest galaxies of a survey that can be told from each other.
LEAST = 100


def list_pictures(folder: str | Path) -> list[Path]:
    """Cutouts (FITS) or pictures (JPEG, PNG, TIFF) in a folder, in the order of their names.

    Raises
    ------
    InputError
        If the folder is missing or holds fewer than 100.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"real_sky: {folder} is not a folder. Give one with cutouts or pictures of galaxies, "
            "one in the middle of each file; unpack an archive first."
        )
    found = [p for p in sorted(folder.iterdir()) if p.name.lower().endswith((*FITS, *PICTURES))]
    if len(found) < LEAST:
        raise InputError(
            f"real_sky: {folder} holds {len(found)} files named {', '.join(FITS[:2] + PICTURES)}; "
            f"expected at least {LEAST}, one galaxy each. Check the folder's name."
        )
    return found


def read_picture(path: str | Path) -> np.ndarray:
    """Brightness (H, W), float32, of a cutout or picture; colours are averaged.

    Raises
    ------
    InputError
        If the file cannot be read as an image.
    """
    path = Path(path)
    if path.name.lower().endswith(FITS):
        with open_fits(path, memmap=False) as hdus:
            hdu = hdus[choose_plane(hdus, str(path), "image")[0]]
            return read_section(hdu, 0, 0, *plane_shape(hdu))
    try:
        pixels = np.asarray(Image.open(path).convert("L"), np.float32)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}). Take it out of real_sky.") from error
    # A sky of one grey level has no noise that could be measured.
    return pixels + np.random.default_rng(0).standard_normal(pixels.shape).astype(np.float32)


def prepare_pictures(paths: Sequence[Path], seed: int, threads: int) -> dict[str, np.ndarray]:
    """Cut, denoise and unwrap the galaxies in the middle of N cutouts or pictures.

    Returns
    -------
    dict of ndarray
        `row`, `id`, `denoised`, `mask` (N, 100, 100) and the arrays of `moments.unwrap`; pictures
        without a galaxy in the middle have a `radius` of NaN.
    """
    cuts = progress(map_ordered(_cut, paths, threads), len(paths), "pictures cut out")
    cut = list(cuts)
    names = ("image", "rms", "mask", "x", "y")
    arrays = {name: np.array([one[name] for one in cut]) for name in names}
    bits = np.array([one["flags"] for one in cut])
    empty = (bits & (flags.NO_DATA | flags.LOW_SNR | flags.OFF_CENTRE)) > 0
    log.info("%d of %d pictures have no galaxy in their middle", empty.sum(), len(paths))
    images, rms = arrays["image"].astype(np.float32), arrays["rms"].astype(np.float32)
    usable = (values[~empty] for values in (images, rms, arrays["mask"]))
    sample = recorrupted.in_noise_units(*usable)
    covariance = noise.noise_correlation(sample["image"], sample["level"], sample["mask"])
    model, _ = recorrupted.train(sample, covariance, epochs=EPOCHS, seed=seed)
    denoised = recorrupted.denoise(model, images, rms)
    row = np.arange(len(paths))
    return {
        "row": row,
        "id": np.array([path.name for path in paths], object),
        "denoised": denoised,
        "mask": arrays["mask"],
    } | moments.unwrap(denoised, arrays["mask"], arrays["x"], arrays["y"], empty)


def _cut(path: Path) -> dict:
    """Cutout of the galaxy in the middle of a file."""
    pixels = read_picture(path)
    height, width = pixels.shape
    side = SIZE + 2 * BORDER
    bottom, left = (length // 2 - side // 2 for length in (height, width))
    section = np.full((side, side), np.nan, np.float32)
    inside = covered(pixels.shape, bottom, left)
    rows, columns = (slice(max(0, start), start + side) for start in (bottom, left))
    part = pixels[rows, columns]
    section[max(0, -bottom) :, max(0, -left) :][: part.shape[0], : part.shape[1]] = part
    x, y = (width - 1) / 2 - left, (height - 1) / 2 - bottom
    return cut_source(
        section, None, (x, y), SIZE, name=path.name, pixel_scale=PIXEL_SCALE, inside=inside
    )
