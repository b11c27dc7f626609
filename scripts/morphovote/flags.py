"""Bits of the FLAGS and MEASURE_FLAG columns, and of the mask of a cutout."""

import numpy as np

# Galaxy flags: name -> (bit value, what it means). Written into the catalogue's header.
FLAGS = {
    "no_data": (1, "no usable pixels: outside every image, or mostly missing"),
    "edge": (2, "part of the cutout is missing (edge of the image, or blank pixels)"),
    "blend": (4, "a neighbour touches the galaxy or overlaps its light"),
    "low_snr": (8, "signal-to-noise ratio inside the segment below 10"),
    "off_centre": (16, "light centroid more than 0.3 arcsec or 3 pixels from the given position"),
    "outlier": (32, "unlike anything in the model's reference sample"),
    "psf_limited": (64, "half-light radius below 1.2 times that of the PSF"),
    "measure_failed": (128, "the morphological measurement failed"),
    "not_selected": (256, "outside the field's `select` cuts: carried along, not processed"),
    "trail": (
        512,
        "crossed by a straight trail (satellite, bled column), whose light was taken off",
    ),
    "far_from_anchors": (1024, "unlike the anchors: its probabilities lean to equal ones"),
}

(
    NO_DATA,
    EDGE,
    BLEND,
    LOW_SNR,
    OFF_CENTRE,
    OUTLIER,
    PSF_LIMITED,
    MEASURE_FAILED,
    NOT_SELECTED,
    TRAIL,
    FAR_FROM_ANCHORS,
) = (bit for bit, _ in FLAGS.values())

# Bits of BAND_FLAG, of fields with several bands: name -> (bit value, what it means).
BAND_FLAGS = {
    "no_redshift": (1, "no redshift: taken in the field's `band`"),
    "far_band": (
        2,
        "no band within `rest_frame_within` of `rest_frame`: taken in the field's `band`",
    ),
    "not_covered": (
        4,
        "outside the images of the band that it was to be taken in: taken in the first that has it",
    ),
}
NO_REDSHIFT, FAR_BAND, NOT_COVERED = (bit for bit, _ in BAND_FLAGS.values())

# Bits of a cutout's `mask` array. Neighbour and missing pixels hold noise, not data.
OWN, NEIGHBOUR, MISSING = 1, 2, 4

# Bits of MEASURE_FLAG: name -> (bit value, what it means). 0 is a good measurement.
MEASURE_FLAGS = {
    "suspect": (1, "non-parametric measurement suspect (statmorph flag 1)"),
    "bad": (2, "non-parametric measurement bad (statmorph flag 2)"),
    "failed": (4, "no measurement: no data, no segment, nonpositive flux, or an error"),
    "time_limit": (8, "cut off by the time limit"),
    "sersic_suspect": (
        16,
        "Sersic fit not converged, near a limit, or with R_E below 0.3 px or beyond the image",
    ),
    "no_sersic": (32, "no Sersic fit: outside measure.select, or failed"),
    "beyond_cutout": (
        64,
        "1.5 Petrosian radii reach beyond the image: Gini, M20, C, A and S lack light",
    ),
    "fills_image": (
        128,
        "the image ends within 4 R_E of the galaxy: its sky is known from the fit alone",
    ),
}
SUSPECT, BAD, FAILED, OUT_OF_TIME, SERSIC_SUSPECT, NO_SERSIC, BEYOND_CUTOUT, FILLS_IMAGE = (
    bit for bit, _ in MEASURE_FLAGS.values()
)

# Bits of BULGE_DISC_FLAG: name -> (bit value, what it means). 0 is a good fit, -1 none.
BULGE_DISC_FLAGS = {
    "unsure": (
        1,
        "fit of bulge and disc not converged, or a disc beyond the image or of more than 3 or less "
        "than a third of R_E",
    ),
    "no_bulge": (2, "the bulge has no light: BULGE_FRACTION is 0"),
    "no_disc": (4, "the disc has no light: BULGE_FRACTION is 1"),
    "not_recoverable": (
        8,
        "left out by measure.bulge_disc auto: at this S/N and size B/T is seldom known to 0.1",
    ),
    "bulge_at_limit": (16, "R_E_BULGE is a limit: 0.6 of R_E_DISC, or 0.05 of it"),
}
UNSURE, NO_BULGE, NO_DISC, NOT_RECOVERABLE, BULGE_AT_LIMIT = (
    bit for bit, _ in BULGE_DISC_FLAGS.values()
)


def bulge_told(flag: np.ndarray) -> np.ndarray:
    """Which galaxies (N,) have a B/T, by their BULGE_DISC_FLAG."""
    flag = np.asarray(flag).astype(int)
    return (flag >= 0) & ((flag & (UNSURE | NOT_RECOVERABLE)) == 0)


def in_vote(flag: np.ndarray) -> np.ndarray:
    """Which sources took part in the vote: selected, and with usable pixels.

    Parameters
    ----------
    flag : ndarray of int, shape (N,)
        The FLAGS column.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    return (np.asarray(flag) & (NO_DATA | NOT_SELECTED)) == 0
