"""Measure the pixels of cutouts as they are, where there are no images that they were cut from."""

from collections.abc import Callable, Iterator

import numpy as np

from morphovote.measure.morphology import TIME_LIMIT, measure_all, measure_galaxy


def measure_cutouts(
    arrays: dict[str, np.ndarray], scale: float, processes: int, call: Callable = measure_galaxy
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Values and units of cutouts (arrays of a shard), of `scale` arcsec a pixel: no Sersic fits.

    `call` is in place of `measure_galaxy`; see `morphology.measure_all` for what comes back.
    """

    def galaxies(rows: np.ndarray) -> Iterator[tuple]:
        for row in rows:
            yield tuple(arrays[name][row] for name in ("image", "rms", "mask", "x", "y"))

    return measure_all(arrays, scale, None, call, galaxies, processes, TIME_LIMIT)
