"""PSFEx models: a PSF that varies over its image (Bertin 2011, ASP Conf. Ser. 442, 435)."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits

from morphovote.config.files import split_plane
from morphovote.errors import InputError
from morphovote.fields.images import open_fits

# What a model may vary with: positions in the image, however they were measured.
POSITION = re.compile(r"[XY].*_IMAGE")
AGAIN = "Run PSFEx again with PSFVAR_KEYS X_IMAGE,Y_IMAGE, or leave `psf` out."


class Model(NamedTuple):
    """A PSFEx model.

    `basis` has shape (terms, height, width); `powers`, for each term, those of x and y; `zero` and
    `scale` bring x and y (px, from 1) to where the model takes them; `step` is the side of its
    samples (px of the image), each of which holds the response of a whole pixel of the image.
    """

    basis: np.ndarray
    powers: tuple[tuple[int, int], ...]
    zero: tuple[float, float]
    scale: tuple[float, float]
    step: float


def read_model(path: str | Path) -> Model | None:
    """Read a PSFEx model; None if the file holds none.

    Parameters
    ----------
    path : str or Path
        The number of the extension may stand behind it in brackets, where there are several models.

    Raises
    ------
    InputError
        If the file cannot be read, or its model is not one of a PSF that varies with the position.
    """
    name, chosen = split_plane(str(path))
    with open_fits(name) as hdus:
        found = {number: hdu for number, hdu in enumerate(hdus) if _is_model(hdu)}
        if chosen:
            found = {n: hdu for n, hdu in found.items() if chosen in (str(n), hdu.name)}
        if not found:
            return None
        if len(found) > 1:
            raise InputError(
                f"{path}: has {len(found)} PSFEx models, in extensions "
                f"{', '.join(map(str, found))}, expected one.\n"
                f"Choose one: `psf: {name}[{next(iter(found))}]`."
            )
        return _model(path, *found.values())


def evaluate(model: Model, x: float | None = None, y: float | None = None) -> np.ndarray:
    """The PSF at a place in the image.

    Parameters
    ----------
    model : Model
    x, y : float, optional
        Px, 0-based. The middle of the model's range, if left out.

    Returns
    -------
    ndarray
        Shape (height, width), of sum 1, on the model's samples.
    """
    place = (model.zero[0] - 1 if x is None else x, model.zero[1] - 1 if y is None else y)
    at = _scaled(model, *place)
    terms = [at[0] ** i * at[1] ** j for i, j in model.powers]
    psf = np.tensordot(terms, model.basis, 1)
    return psf / psf.sum()


def reach(model: Model, x: float, y: float) -> float:
    """How far (px, 0-based) a place lies from the middle of a model's range, in half ranges."""
    return 2 * max(map(abs, _scaled(model, x, y))) if len(model.powers) > 1 else 0.0


def _scaled(model: Model, x: float, y: float) -> list[float]:
    return [(v + 1 - zero) / scale
            for v, zero, scale in zip((x, y), model.zero, model.scale, strict=True)]  # fmt: skip


def _is_model(hdu) -> bool:
    if not isinstance(hdu, fits.BinTableHDU):
        return False
    return "PSF_MASK" in hdu.columns.names or "POLNAXIS" in hdu.header or hdu.name == "PSF_DATA"


def _model(path: str | Path, hdu: fits.BinTableHDU) -> Model:
    header = hdu.header
    wanted = ["PSF_SAMP", "POLNAXIS"]
    axes = range(1, 1 + int(header.get("POLNAXIS", 0)))
    wanted += [f"{key}{axis}" for axis in axes for key in ("POLNAME", "POLZERO", "POLSCAL")]
    wanted += ["POLDEG1"] if axes else []
    missing = [key for key in wanted if key not in header]
    missing += ["PSF_MASK (column)"] if "PSF_MASK" not in hdu.columns.names else []
    if missing:
        raise InputError(
            f"{path}: its PSFEx model lacks {', '.join(missing)}, expected a file as PSFEx writes "
            f"it.\n{AGAIN}"
        )
    names = [str(header[f"POLNAME{axis}"]).strip() for axis in axes]
    if not all(map(POSITION.fullmatch, names)) or len({name[0] for name in names}) < len(names):
        raise InputError(
            f"{path}: its PSFEx model varies with {', '.join(names)}, expected X_IMAGE and "
            f"Y_IMAGE.\n{AGAIN}"
        )
    degree = int(header["POLDEG1"]) if axes else 0
    powers = [(i,) for i in range(degree + 1)] if len(names) < 2 else [
        (i, j) for j in range(degree + 1) for i in range(degree + 1 - j)
    ]  # fmt: skip
    basis = np.asarray(hdu.data["PSF_MASK"][0] if len(hdu.data) else [], dtype=float)
    basis = basis[None] if basis.ndim == 2 else basis
    step = float(header["PSF_SAMP"])
    if basis.ndim != 3 or len(basis) != len(powers) or step <= 0 or not np.isfinite(basis).all():
        raise InputError(
            f"{path}: its PSFEx model has PSF_MASK of shape {basis.shape} and PSF_SAMP {step:g}, "
            f"expected {len(powers)} finite images (POLDEG1 is {degree}) and a positive step.\n"
            f"{AGAIN}"
        )
    if basis[0].sum() <= 0:
        raise InputError(
            f"{path}: the PSF sums to {basis[0].sum():.3g}, expected a positive sum.\n{AGAIN}"
        )
    # By axis of the image: x, y.
    order = [next((n for n, name in enumerate(names) if name[0] == which), None) for which in "XY"]
    return Model(
        basis,
        tuple(tuple(0 if n is None else power[n] for n in order) for power in powers),
        tuple(0.0 if n is None else float(header[f"POLZERO{n + 1}"]) for n in order),
        tuple(1.0 if n is None else float(header[f"POLSCAL{n + 1}"]) or 1.0 for n in order),
        step,
    )
