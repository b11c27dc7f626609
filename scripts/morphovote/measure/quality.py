"""Which measured parameters there are, and which values are to be trusted."""

import numpy as np

from morphovote.flags import BAD, BEYOND_CUTOUT, FAILED, NO_SERSIC, SERSIC_SUSPECT

# From the Sersic fit, and from the pixels themselves: each has its own marks of a bad measurement.
SERSIC = ("sersic_n", "axis_ratio", "r_e")

PIXELS = ("concentration", "gini", "m20", "asymmetry", "smoothness")

MEASURED = SERSIC + PIXELS


def reaches_beyond(measure_flag: np.ndarray) -> np.ndarray:
    """Whether each galaxy (N,) reaches beyond its cutout; -1, not measured, is no."""
    flag = np.asarray(measure_flag)
    return (flag >= 0) & ((flag & BEYOND_CUTOUT) != 0)


def trusted(shape: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`MEASURED` with NaN wherever `measure_flag` says that the value is bad."""
    bad = {
        **dict.fromkeys(SERSIC, FAILED | NO_SERSIC | SERSIC_SUSPECT),
        **dict.fromkeys(PIXELS, FAILED | BAD),
    }
    flag = shape["measure_flag"]
    return {name: np.where(flag & bad[name], np.nan, shape[name]) for name in MEASURED}
