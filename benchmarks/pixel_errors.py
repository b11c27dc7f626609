"""Do the errors of Gini, M20, C, A and S say how far noise scatters them?

    python benchmarks/pixel_errors.py [--galaxies 20] [--realisations 30]

Simulated galaxies of the four types, each at several levels of S/N and there in many realisations
of noise with the pixel correlation of the COSMOS mosaic, are cut out and measured as a field's own.
For each parameter and S/N: the median over the galaxies of (median error / scatter of the
realisations), and the share of the realisations within one error of their median.
"""

import time

import galsim
import numpy as np
from common import new_parser

from morphovote.fields import cutouts
from morphovote.flags import BAD, FAILED
from morphovote.measure.morphology import measure_galaxy
from morphovote.measure.pixel_errors import ERRORS
from morphovote.simulate.galaxies import PIXEL_SCALE, draw_profile, make_galaxy
from morphovote.simulate.population import draw_properties
from morphovote.simulate.survey import signal_to_noise

LEVELS, SIDE, SIZE = (20, 50, 100, 300), 150, 100
KINDS = ("SPH", "ETD", "LTD", "IRR")


def draw_clean(number: int, snr: float) -> tuple[np.ndarray, tuple[float, float]]:
    """Light of a galaxy (SIDE, SIDE) in units of the noise, and its place (px)."""
    rng = np.random.default_rng([77, number])
    kind = KINDS[number % len(KINDS)]
    radius = draw_properties(kind, rng.uniform(21, 24.5), rng)["R_E"]
    profile, _ = make_galaxy(kind, rng, 22.5, radius)
    offset = rng.uniform(-0.5, 0.5, 2)
    clean = draw_profile(profile, SIDE, tuple(offset)).astype(float)
    for _ in range(40):
        # The isophote of best S/N changes with the brightness, so this takes a few rounds.
        clean *= np.clip(snr / signal_to_noise(clean, np.ones_like(clean)), 0.3, 3)
    return clean, tuple((SIDE - 1) / 2 + offset)


def measure_realisation(clean: np.ndarray, place: tuple, seed: int) -> dict | None:
    """Values of one realisation of the noise, None where they are bad."""
    noise = galsim.ImageD(SIDE, SIDE, scale=PIXEL_SCALE)
    noise.addNoise(galsim.getCOSMOSNoise(rng=galsim.BaseDeviate(seed), variance=1.0))
    section, ones = (clean + noise.array).astype(np.float32), np.ones(clean.shape, np.float32)
    one = cutouts.cut_source(section, ones, place, SIZE, name=str(seed), pixel_scale=PIXEL_SCALE)
    values, _ = measure_galaxy(one["image"], one["rms"], one["mask"], one["x"], one["y"])
    return None if values["measure_flag"] & (BAD | FAILED) else values


def compare(galaxies: int, realisations: int, snr: float) -> tuple[dict[str, tuple], int]:
    """Ratio and coverage by parameter, and how many galaxies were measured often enough."""
    ratios, inside = {name: [] for name in ERRORS}, {name: [] for name in ERRORS}
    used = 0
    for number in range(galaxies):
        clean, place = draw_clean(number, snr)
        seeds = range(1 + number * realisations, 1 + (number + 1) * realisations)
        found = [measure_realisation(clean, place, seed) for seed in seeds]
        found = [one for one in found if one is not None]
        if len(found) < realisations / 2:
            continue
        used += 1
        for name in ERRORS:
            value = np.array([one[name.removesuffix("_err")] for one in found])
            error = np.array([one[name] for one in found])
            away = np.abs(value - np.nanmedian(value))
            ratios[name].append(np.nanmedian(error) / (1.4826 * np.nanmedian(away)))
            inside[name].append(np.mean(away < error))
    return {
        name: (float(np.nanmedian(ratios[name])), float(np.mean(inside[name]))) for name in ERRORS
    }, used


def main() -> None:
    """Print the table."""
    parser = new_parser(__doc__)
    parser.add_argument("--galaxies", type=int, default=20)
    parser.add_argument("--realisations", type=int, default=30)
    given = parser.parse_args()
    print("| S/N | " + " | ".join(name.removesuffix("_err") for name in ERRORS) + " | galaxies |")
    for snr in LEVELS:
        begin = time.process_time()
        rows, used = compare(given.galaxies, given.realisations, snr)
        cells = [f"{ratio:.2f}, {share:.2f}" for ratio, share in rows.values()]
        print(f"| {snr} | {' | '.join(cells)} | {used} |", flush=True)
        print(f"{time.process_time() - begin:.0f} s")


if __name__ == "__main__":
    main()
