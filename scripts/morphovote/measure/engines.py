"""Two ways to measure a galaxy's pixels: `fast`, compiled, and `statmorph`, which it follows."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from morphovote.measure import cas, mid
from morphovote.measure.apertures import rings
from morphovote.measure.centre import centroid, ellipse, most_symmetric
from morphovote.measure.gini_m20 import gini, m20, petrosian_segment
from morphovote.measure.petrosian import light_radii, petrosian_radius
from morphovote.measure.stamps import Stamp, cut_stamp

# Radius of what C, A and S are measured in, in Petrosian radii (Conselice 2003; Lotz et al. 2004).
PETROSIAN_RADII = 1.5
# The segments of Gini and of M, I, D share less than this of the larger one: suspect.
OVERLAP = 0.25
SOUND, SUSPICIOUS, WRONG, HOPELESS = 0, 1, 2, 4

# What is measured: name here -> (name in statmorph, unit).
NONPARAMETRIC = {
    "gini": ("gini", ""),
    "m20": ("m20", ""),
    "concentration": ("concentration", ""),
    "smoothness": ("smoothness", ""),
    "multimode": ("multimode", ""),
    "intensity": ("intensity", ""),
    "deviation": ("deviation", ""),
    "r20": ("r20", "arcsec"),
    "r50": ("r50", "arcsec"),
    "r80": ("r80", "arcsec"),
    "r_petrosian": ("rpetro_circ", "arcsec"),
    "snr_pixel": ("sn_per_pixel", ""),
}


# What is said of a galaxy whose box of sky lies off zero by more than its scatter.
LEVEL_LEFT = "the background is not subtracted"


class Pixels(NamedTuple):
    """What an engine finds: lengths in px."""

    # Keys of `NONPARAMETRIC`, NaN where not measured.
    values: dict[str, float]
    # statmorph's: 0 good, 1 suspect, 2 bad, 4 nothing measured.
    flag: int
    # Where the asymmetry is least.
    centre: tuple[float, float]
    # Petrosian radius of ellipses, along the major axis; major over minor axis; angle (rad).
    r_ellipse: float
    elongation: float
    orientation: float
    messages: list[str]


def measure_fast(
    image: np.ndarray, rms: np.ndarray, segment: np.ndarray, hidden: np.ndarray
) -> Pixels:
    """Measure a galaxy's pixels, by statmorph's definitions (Rodriguez-Gomez et al. 2019).

    Parameters
    ----------
    image, rms : ndarray of float64
        Shape (height, width), in the same units; background-subtracted.
    segment, hidden : ndarray of bool
        The galaxy's pixels, some of which may be hidden; pixels that are not measured.

    Returns
    -------
    Pixels
    """
    stamp, notes = cut_stamp(image, rms, segment, hidden), []

    def note(flag: int, text: str = "") -> None:
        if flag:
            notes.append((flag, text))

    light = np.where(stamp.own, stamp.image, 0.0)
    total, x, y = centroid(light)
    if total <= 0:
        nothing = dict.fromkeys(NONPARAMETRIC, np.nan)
        message = ["the segment has no light"]
        return Pixels(nothing, HOPELESS, (np.nan, np.nan), np.nan, np.nan, np.nan, message)
    height, width = light.shape
    if not (0 <= x < width and 0 <= y < height):
        x, y = width / 2, height / 2
        note(WRONG, "the centroid is outside")
    note(WRONG * (stamp.image[int(y), int(x)] == 0), "the centroid is hidden")
    sky = _sky(stamp, note)
    peak = divmod(int(np.argmax(light)), width)
    centre = _find_centre(stamp, (x, y), peak, sky, note)
    elongation, orientation, sound = ellipse(light, *centre)
    note(WRONG * (not sound), "a second moment is not positive")

    farthest = float(np.hypot(height, width))
    circles = rings(stamp.image, stamp.hidden, *centre, 1.0, 0.0)
    r_circle, problem = petrosian_radius(circles, farthest)
    note(WRONG * bool(problem), problem)
    ellipses = rings(stamp.image, stamp.hidden, *centre, elongation, orientation)
    r_ellipse, problem = petrosian_radius(ellipses, farthest * elongation)
    note(WRONG * bool(problem), problem)
    values = {"r_petrosian": r_circle} | _concentration(circles, r_circle, note)
    around, flag, problem = petrosian_segment(stamp.image, x, y, r_ellipse, elongation, orientation)
    note(flag, problem)
    values |= _gini_and_m20(stamp, around, note)
    edges = (cas.FRACTION * r_circle, PETROSIAN_RADII * r_circle)
    box = int(cas.FRACTION * r_circle)
    values["smoothness"] = cas.smoothness(stamp.image, stamp.hidden, centre, edges, box, sky)
    values |= _mid(stamp, light.clip(min=0), peak, around, note)
    for name in ("gini", "m20", "smoothness", "deviation"):
        note(WRONG * bool(np.isnan(values[name])), f"{name} has no value")
    where = (stamp.x + centre[0], stamp.y + centre[1])
    flag = max((flag for flag, _ in notes), default=SOUND)
    texts = [text for _, text in notes if text]
    values = {name: float(values[name]) for name in NONPARAMETRIC}
    return Pixels(values, flag, where, r_ellipse, elongation, orientation, texts)


def _sky(stamp: Stamp, note: Callable) -> np.ndarray:
    """A box of sky, empty if there is none."""
    row, column, side = cas.sky_box(stamp.taken)
    sky = stamp.image[row : row + side, column : column + side]
    if not side:
        note(WRONG, "no sky around the galaxy")
    elif abs(sky.mean()) > sky.std():
        note(WRONG, LEVEL_LEFT)
    return sky


def _find_centre(
    stamp: Stamp, start: tuple[float, float], peak: tuple[int, int], sky: np.ndarray, note: Callable
) -> tuple[float, float]:
    """Where the asymmetry is least (Rodriguez-Gomez et al. 2019, section 4.2), x and y."""
    image, hidden = stamp.image, stamp.hidden
    noise = float(np.abs(sky - sky[::-1, ::-1]).mean()) if sky.size else 0.0
    about = rings(image, hidden, *start, 1.0, 0.0)
    radius, problem = petrosian_radius(about, float(np.hypot(*image.shape)))
    note(WRONG * bool(problem), problem)
    extent, far = PETROSIAN_RADII * radius, cas.FRACTION * radius
    x, y, outside = most_symmetric(image, hidden, *start, extent, noise)
    note(outside, "the search for the centre left the image")
    if np.hypot(x - start[0], y - start[1]) > far:
        note(SUSPICIOUS, "the centre is far from the centroid: from the brightest pixel")
        row, column = peak
        x, y, outside = most_symmetric(image, hidden, float(column), float(row), extent, noise)
        note(outside, "the search for the centre left the image")
        if np.hypot(x - column, y - row) > far:
            note(WRONG, "the centre is far from the brightest pixel: the centroid is taken")
            x, y = start
    note(WRONG * (image[int(y), int(x)] == 0), "the centre is hidden")
    return float(x), float(y)


def _concentration(circles: tuple, r_circle: float, note: Callable) -> dict[str, float]:
    """r20, r50, r80 and C = 5 log10(r80 / r20) (Conselice 2003; Lotz et al. 2004, eq. 9)."""
    radii, problem = light_radii(circles, PETROSIAN_RADII * r_circle, (0.2, 0.5, 0.8))
    note(WRONG * bool(problem or np.isnan(radii).any()), problem)
    found = dict(zip(("r20", "r50", "r80"), radii, strict=True))
    return found | {"concentration": 5 * np.log10(found["r80"] / found["r20"])}


def _gini_and_m20(stamp: Stamp, around: np.ndarray, note: Callable) -> dict[str, float]:
    """Gini, M20 and the mean S/N of a pixel in the segment at the Petrosian radius."""
    image = stamp.image
    bright = around & (image >= 0) & (stamp.rms > 0)
    note(WRONG * (not bright.any()), "no pixel of the segment is positive")
    snr = (image[bright] / stamp.rms[bright]).mean() if bright.any() else np.nan
    found = {"gini": gini(image[around]), "m20": m20(np.where(around, image, 0.0))}
    return found | {"snr_pixel": snr}


def _mid(
    stamp: Stamp, light: np.ndarray, peak: tuple[int, int], around: np.ndarray, note: Callable
) -> dict[str, float]:
    """M, I and D, and whether their segment is like that of Gini and M20."""
    segment, sound = mid.mid_segment(light, stamp.own, *peak)
    note(WRONG * (not sound), "the brightest pixel is not in the segment of M, I and D")
    segment = around if segment is None else segment
    larger = max(around.sum(), segment.sum())
    note(WRONG * (larger == 0), "the segments are empty")
    note(int(larger > 0 and (around & segment).sum() < OVERLAP * larger))
    light = np.where(segment, light, 0.0)
    intensity, deviation = mid.intensity_and_deviation(light, int(segment.sum()))
    multimode = mid.multimode(light, stamp.own) if light.any() else np.nan
    return {"multimode": multimode, "intensity": intensity, "deviation": deviation}


def measure_statmorph(
    image: np.ndarray, rms: np.ndarray, segment: np.ndarray, hidden: np.ndarray
) -> Pixels:
    """As `measure_fast`, by statmorph itself (Rodriguez-Gomez et al. 2019, MNRAS 483, 4140)."""
    # Takes a second to import, and is needed for this engine only.
    import statmorph

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = statmorph.SourceMorphology(
            image,
            segment.astype(np.int32),
            1,
            mask=hidden,
            weightmap=rms,
            petro_extent_cas=PETROSIAN_RADII,
            # Its own Sersic fit is not used, so it is stopped at once.
            sersic_fitting_args={"maxiter": 1},
        )
    values = {name: float(found[theirs]) for name, (theirs, _) in NONPARAMETRIC.items()}
    # statmorph writes -99 for what it could not measure.
    values = {name: value if np.isfinite(value) and value != -99.0 else np.nan
              for name, value in values.items()}  # fmt: skip
    texts = [str(one.message) for one in caught]
    texts = [text for text in texts if "[sersic]" not in text and "The fit may be" not in text]
    return Pixels(
        values, int(found.flag), (float(found.xc_asymmetry), float(found.yc_asymmetry)),
        float(found.rpetro_ellip), float(found.elongation_asymmetry),
        float(found.orientation_asymmetry), texts,
    )  # fmt: skip


ENGINES = {"fast": measure_fast, "statmorph": measure_statmorph}
