"""Which plane of a FITS file serves as what: image, rms, weight or PSF.

Surveys and tools put several planes into one file and call them by names of their own. A plane
whose name is known is taken for what it is; planes that cannot be told apart stop the run.
"""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.io import fits

from morphovote.errors import InputError

# What planes are called, letters and figures only: HST, JWST, Roman, HSC and Rubin, DES and DECam,
# Euclid, ESO, CFHT, astropy's CCDData, SExtractor, SWarp, GALFIT, WebbPSF.
NAMES = {
    "image": "SCI SCIENCE IMAGE IMG DATA FLUX SIGNAL SCIDATA INTENSITY COADD STACK MOSAIC",
    "rms": "RMS ERR ERROR ERRORS SIGMA NOISE STD STDDEV STDEV UNC UNCERT UNCERTAINTY ERRDATA RMSE "
    "RMSMAP STDDEVUNCERTAINTY",
    "variance": "VAR VARIANCE VARMAP STAT MSE VARIANCEUNCERTAINTY",
    "weight": "WHT WGT WEIGHT WEIGHTS WT WTMAP IVM IVAR INVVAR INVVARIANCE INVERSEVARIANCE INVMSE "
    "WEIGHTMAP",
    "mask": "DQ DQMASK MASK MASKS MSK BPM CON CTX CONTEXT FLAG FLAGS FLG BITMASK MAXIMASK QUALITY "
    "QUAL QUALDATA SEG SEGM SEGMAP SEGMENTATION CHECK MASKBIT MASKBITS BLOBMAP",
    "exposure": "EXP EXPTIME EXPOSURE EXPMAP TIME COVERAGE COV NEXP SAMP NIMAGE",
    "other": "BKG BACK BACKGROUND BGMOD SKY MODEL BLOBMODEL RES RESID RESIDUAL CHI DARK FLAT AREA "
    "WAVELENGTH WCSDVARR D2IMARR VARPOISSON VARRNOISE VARFLAT INVRMSE DEPTH GALDEPTH PSFDEPTH "
    "PSFSIZE FWHM SEEING",
    "psf": "PSF EPSF DETDIST DETSAMP",
    "oversampled psf": "OVERDIST OVERSAMP",
}
KINDS = {name: kind for kind, names in NAMES.items() for name in names.split()}
# Words without a meaning of their own: 'WEIGHT MAP', 'ERROR_IMAGE'.
FILLERS = {"MAP", "PLANE", "ARRAY", "EXT"}
# What was done with the background or the PSF, whose pixels these then are not: 'BKG_SUB'.
DONE = ("SUB", "MATCH", "CONV", "CORR", "FREE")
# Cards that say what a plane is, beside EXTNAME; the first that is there and known counts.
CARDS = ("UTYPE", "HDUCLAS3", "HDUCLAS2", "EXTNAME", "EXTTYPE", "DES_EXT", "PRODTYPE", "IMTYPE")
# What a map of a kind is called in messages.
CALLED = {
    "rms": "an rms map", "variance": "a variance map", "weight": "a weight map", "mask": "a mask",
    "exposure": "a map of exposures", "other": "a model, background or the like", "psf": "a PSF",
    "oversampled psf": "an oversampled PSF",
}  # fmt: skip
# What each role may be served by, best first.
SERVE = {
    "image": ("image",),
    "rms": ("rms", "variance", "weight"),
    "weight": ("weight", "variance", "rms"),
    "psf": ("psf", "image"),
}
# Side (px) of the piece from the middle of a plane that is looked at for a message.
LOOKED = 200


def kind_of_name(name: str) -> str | None:
    """What a name says that something is: a key of `NAMES`, or None.

    Of several known words one that is not 'image' counts: SCI_ERR is an error, DATA QUALITY a mask.
    """
    words = _words(name)
    if words in (["PRIMARY"], ["COMPRESSED", "IMAGE"], []):
        return None
    joined = "".join(words)
    if joined in KINDS:
        return KINDS[joined]
    if len(words) > 1 and words[0] in ("INV", "INVERSE") and KINDS.get(words[1]) == "variance":
        return "weight"
    kinds = [KINDS[word] for word in words if word in KINDS and word not in FILLERS]
    telling = [kind for kind in kinds if kind != "image"]
    return (telling or kinds or [None])[-1]


def kind_of_file(path: str) -> str | None:
    """What a file's name says that it holds (`NAMES`), by its last telling word."""
    return next(iter(reversed(_kinds_in_name(path))), None)


def _kinds_in_name(path: str) -> list[str]:
    words = _words(Path(path).name.split(".fit")[0])
    return [kind for word in words if (kind := kind_of_name(word))]


def _words(name: str) -> list[str]:
    """The words of a name, in capitals and without figures at their ends."""
    words = [word.rstrip("0123456789") for word in re.split(r"[^A-Z0-9]+", name.upper())]
    words = [word for word in words if word]
    done = {
        n for n, (before, word) in enumerate(pairwise(words), start=1)
        if word.startswith(DONE) and KINDS.get(before) in ("other", "psf")
    }  # fmt: skip
    return [word for n, word in enumerate(words) if n not in done and n + 1 not in done]


def kind_of(hdu, primary: fits.Header | None = None) -> str | None:
    """What the header of a plane says that it is.

    Parameters
    ----------
    hdu : ImageHDU, PrimaryHDU or CompImageHDU
    primary : Header, optional
        Of the file, where this is its only plane: some archives say it there.
    """
    for header in (hdu.header, primary or {}):
        for card in CARDS:
            value = header.get(card)
            kind = kind_of_name(value) if isinstance(value, str) else None
            if kind:
                return kind
    return None


def choose_plane(hdus: fits.HDUList, path: str, role: str, chosen: str = "") -> tuple[int, str]:
    """Find the 2-D plane that serves as `role`.

    Parameters
    ----------
    hdus : HDUList
    path : str
        For messages.
    role : {'image', 'rms', 'weight', 'psf'}
    chosen : str
        The user's choice: a name, 'NAME,version', or the number of the extension; '' for none.

    Returns
    -------
    number : int
        Of the HDU.
    kind : str
        How it is to be read: for noise maps 'rms', 'variance' or 'weight', else the role.

    Raises
    ------
    InputError
        If there is no such plane, or several that cannot be told apart.
    """
    planes = {number: hdu for number, hdu in enumerate(hdus) if hdu.is_image and is_plane(hdu)}
    if not planes:
        found = ", ".join(f"{hdu.name or number}: {hdu.shape}" for number, hdu in
                          enumerate(hdus) if hdu.is_image)  # fmt: skip
        raise InputError(
            f"{path}: no extension holds a 2-D image (found {found or 'no image at all'}).\n"
            "Give FITS files with one plane each."
        )
    alone = hdus[0].header if len(planes) == 1 else None
    kinds = {number: kind_of(hdu, alone) for number, hdu in planes.items()}
    number = _chosen(planes, path, chosen) if chosen else _serving(planes, kinds, path, role)
    if role not in ("rms", "weight"):
        return number, role
    kind = kinds[number]
    if kind is None:
        # Whether a weight map is an rms map its pixels cannot tell, but its file's name may.
        called = set(_kinds_in_name(path)) & set(SERVE["rms"])
        if len(called) == 1 and (role == "weight" or called == {"variance"}):
            kind = called.pop()
    return number, kind if kind in SERVE["rms"] else role


def is_plane(hdu) -> bool:
    """Whether an image has two dimensions, not counting those of length 1 before them."""
    return len(hdu.shape) >= 2 and all(side == 1 for side in hdu.shape[:-2])


def plane_shape(hdu) -> tuple[int, int]:
    """Rows and columns of a plane, whatever axes of length 1 it has before them."""
    return tuple(hdu.shape[-2:])


def name_plane(hdu, number: int) -> str:
    """A plane's name for logs and messages: 'SCI (extension 1)'."""
    name = _own_name(hdu)
    return f"{name} (extension {number})" if name else f"extension {number}"


def _own_name(hdu) -> str:
    """A plane's name; '' where it is only FITS's word for the place."""
    return "" if hdu.name in ("PRIMARY", "COMPRESSED_IMAGE") else hdu.name


def _chosen(planes: dict, path: str, chosen: str) -> int:
    """The plane that the user named."""
    name, _, version = (part.strip() for part in chosen.partition(","))
    if name.isdigit():
        hits = [int(name)] if int(name) in planes else []
    else:
        hits = [
            number
            for number, hdu in planes.items()
            if hdu.name.strip().upper() == name.upper() and version in ("", str(hdu.ver))
        ]
    if len(hits) == 1:
        return hits[0]
    found = f"has {len(hits)} planes [{chosen}]" if hits else f"has no plane [{chosen}]"
    raise InputError(f"{path}: {found}, but {_list(planes)}.\nCorrect the name, or give a number.")


def _serving(planes: dict, kinds: dict, path: str, role: str) -> int:
    """The plane that serves as `role` by what the headers say."""
    for kind in SERVE[role]:
        named = [number for number in planes if kinds[number] == kind]
        if kind == "psf" and len(named) > 1:
            # Of WebbPSF's two at the detector's pixels the one with the optical distortion.
            named = [n for n in named if "DIST" in planes[n].name.upper()] or named
        if len(named) == 1:
            return named[0]
        if named:
            _refuse(planes, path, role, f"several planes may be the {role}")
    unknown = [number for number in planes if kinds[number] is None]
    # Many a noise map carries the header, and so the name, of the image it was made from.
    images = [number for number in planes if kinds[number] == "image"]
    odd = {"psf": "oversampled psf", "weight": "exposure"}.get(role)
    others = [number for number in planes if odd and kinds[number] == odd]
    for group in (unknown + images, others):
        if len(group) == 1:
            return group[0]
        if group:
            _refuse(planes, path, role, f"its planes say not which is the {role}")
    if len(planes) == 1:
        (number, hdu), = planes.items()  # fmt: skip
        key = "images" if role == "image" else role
        raise InputError(
            f"{path}: its only plane is {CALLED[kinds[number]]} by its header: {_look(hdu)}.\n"
            f"Correct the pattern in `{key}`, or, if it is the right one, name its plane: "
            f"`{key}: file.fits[{number}]`."
        )
    _refuse(planes, path, role, f"none of its planes is {'an' if role in 'image' else 'a'} {role}")
    return -1


def _refuse(planes: dict, path: str, role: str, why: str) -> None:
    key = "images" if role == "image" else role
    raise InputError(
        f"{path}: {why}: {_list(planes)}.\n"
        f"Name the one to take behind the file, such as `{key}: file.fits[{min(planes)}]`."
    )


def _list(planes: dict) -> str:
    """Each plane with what its pixels look like."""
    shown = [f"[{number}] {_look(hdu)}" for number, hdu in list(planes.items())[:5]]
    more = [f"and {len(planes) - 5} more"] if len(planes) > 5 else []
    return "found " + "; ".join(shown + more)


def _look(hdu) -> str:
    """A plane in words: name, size, and the pixels of its middle."""
    height, width = plane_shape(hdu)
    about = f"{_own_name(hdu)} {width} x {height} px".strip()
    low = [max((side - LOOKED) // 2, 0) for side in (height, width)]
    try:
        rows = hdu.section[(0,) * (len(hdu.shape) - 2) + (slice(low[0], low[0] + LOOKED),)]
        values = np.asarray(rows[:, low[1] : low[1] + LOOKED], dtype=float)
    except (OSError, TypeError, ValueError):
        return f"{about}, unreadable"
    values = values[np.isfinite(values)]
    if not len(values):
        return f"{about}, all NaN"
    low, high, median = values.min(), values.max(), np.median(values)
    sign = "of both signs" if low < 0 < high else "none negative" if low >= 0 else "none positive"
    return f"{about}, {low:.3g} to {high:.3g}, median {median:.3g}, {sign}"
