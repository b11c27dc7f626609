"""Images of one pattern that show the same sky: other filters, or noise maps among images."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from morphovote.errors import InputError
from morphovote.fields.images import Image, open_image, pixel_to_sky, read_section, unit_vectors
from morphovote.fields.planes import CALLED, kind_of, kind_of_file, kind_of_name

# Images whose centres lie closer than this share of a side show the same sky; tiles of a mosaic
# overlap by less.
SAME_SKY = 0.25
# In fields of more images than this (ready-made cutouts) pixels are not looked at.
LOOKED = 200
# Names of bands in file names: f814w, F2100W, and the single letters of the optical and infrared.
BAND = re.compile(r"F\d{3,4}(W|M|N|LP|W2|X|LPC)|VIS|[UGRIZYJHK]S?")
# What noise maps, masks and the like are called in file names.
NOT_IMAGES = ("rms", "variance", "weight", "mask", "exposure", "other", "psf")
# Those of them that are known even without the image beside.
MAPS = ("rms", "variance", "weight", "mask")


def check_footprints(images: Sequence[Image], chosen: bool = False) -> None:
    """Stop where an image is a map, or two show the same sky, but not the same thing.

    Parameters
    ----------
    images : sequence of Image
    chosen : bool
        Whether the user named the plane, which a file's name then does not overrule.

    Raises
    ------
    InputError
        Naming two images of other filters, or the one that is no image.
    """
    for image in _twins(images):
        _refuse(image, images)
    for image in () if chosen or len(images) > LOOKED else images:
        if _is_map(image):
            _refuse(image, images)
    for first, second in _same_sky(images):
        one, other = images[first], images[second]
        bands = [image.filter or band_of_name(image.path) for image in (one, other)]
        if all(bands) and bands[0] != bands[1]:
            raise InputError(
                f"{one.path} and {other.path} show the same sky in other filters ({bands[0]}, "
                f"{bands[1]}), expected one.\nGive a pattern for one filter; make each filter a "
                "field of its own."
            )
        kinds = [kind_of_file(image.path) in NOT_IMAGES for image in (one, other)]
        if kinds[0] != kinds[1]:
            _refuse(one if kinds[0] else other, [one, other])
        if len(images) <= LOOKED and one.shape == other.shape and not any(kinds):
            for image, fellow in ((one, other), (other, one)):
                if _never_negative(image) and not _never_negative(fellow):
                    _refuse(image, [fellow])


def band_of_name(path: str) -> str:
    """The band that a file's name says, in capitals; '' where it says none or several."""
    words = re.split(r"[^A-Z0-9]+", Path(path).name.upper().split(".FIT")[0])
    bands = {word for word in words if BAND.fullmatch(word)}
    return bands.pop() if len(bands) == 1 else ""


def _twins(images: Sequence[Image]) -> list[Image]:
    """Noise maps and the like whose image is there too: a_rms.fits beside a_sci.fits or a.fits."""
    split = {}
    for image in images:
        folder, name = str(Path(image.path).parent), Path(image.path).name
        words = re.split(r"[^A-Za-z0-9]+", name.split(".fit")[0])
        rest = tuple(word for word in words if kind_of_name(word) is None)
        split.setdefault((folder, rest, image.shape), []).append(image)
    return [
        image
        for group in split.values()
        if any(kind_of_file(image.path) not in NOT_IMAGES for image in group)
        for image in group
        if kind_of_file(image.path) in NOT_IMAGES
    ]


def _same_sky(images: Sequence[Image]) -> list[tuple[int, int]]:
    """Pairs of images whose centres lie close together."""
    placed = [number for number, image in enumerate(images) if image.wcs and image.pixel_scale]
    if len(placed) < 2:
        return []
    middles = [((images[n].shape[1] - 1) / 2, (images[n].shape[0] - 1) / 2) for n in placed]
    centres = np.array([
        np.ravel(pixel_to_sky(images[n].wcs, *middle))
        for n, middle in zip(placed, middles, strict=True)
    ])  # fmt: skip
    finite = np.isfinite(centres).all(axis=1)
    placed, centres = np.array(placed)[finite], centres[finite]
    if len(placed) < 2:
        return []
    # The smallest: cutouts of other sizes share their centres.
    side = min(min(images[n].shape) * images[n].pixel_scale for n in placed)
    reach = SAME_SKY * np.radians(side / 3600)
    pairs = cKDTree(unit_vectors(*centres.T)).query_pairs(reach, output_type="ndarray")
    return [(int(placed[a]), int(placed[b])) for a, b in np.sort(pairs, axis=1)]


def _is_map(image: Image) -> bool:
    """Whether a file's name says that it holds a map, its header nothing, and its pixels agree."""
    # 'noise_free' is a simulation's word for images.
    if kind_of_file(image.path) not in MAPS or "noise" in Path(image.path).name.lower():
        return False
    with open_image(image.path, image.hdu) as hdu:
        if kind_of(hdu) == "image":
            return False
    return _never_negative(image)


def _never_negative(image: Image) -> bool:
    """Whether the pixels in the middle of an image are all positive: no sky that was subtracted."""
    height, width = image.shape
    side = min(height, width, 200)
    with open_image(image.path, image.hdu) as hdu:
        pixels = read_section(hdu, (height - side) // 2, (width - side) // 2, side, side)
    pixels = pixels[np.isfinite(pixels) & (pixels != 0)]
    return bool(len(pixels) and pixels.min() > 0)


def _refuse(image: Image, among: Sequence[Image]) -> None:
    called = CALLED.get(kind_of_file(image.path), "a noise map, a weight map or a mask")
    fellow = next((other.path for other in among if other.path != image.path), None)
    beside = f", found by the same pattern as {fellow}" if fellow else ""
    raise InputError(
        f"{image.path}: is no image but {called}{beside}.\n"
        "Make the pattern narrower (such as *_sci.fits), and give maps as `rms` or `weight`. If it "
        f"is an image, say so: `images: file.fits[{image.hdu}]`."
    )
