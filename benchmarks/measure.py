"""Processor time of measuring a galaxy, beside statmorph with its own fit, in one run.

    python benchmarks/measure.py [RUN ...] [--every 6]

RUN is the results of a field with a PSF, up to the cutouts (results/demo). Every so many galaxies
are measured by each way in turn, in one process of one thread. statmorph has the cutout and the
PSF, and fits with its defaults. The workflow measures on the section of the image that the galaxy
needs: detection, neighbours' models and errors are in its time. Run it where the workflow was run.
"""

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

# Before numpy is loaded.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np
import statmorph
import yaml
from common import DEMO, new_parser
from tables import print_table

from morphovote.fields.psf import field_psf
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.flags import MISSING, NEIGHBOUR, NO_DATA, OWN
from morphovote.measure.engines import measure_fast
from morphovote.measure.morphology import measure_galaxy, prepare_psf, regularise_segment
from morphovote.measure.sections import measure_section, sections, warm_up
from morphovote.storage import shards

STATMORPH, FAST = "statmorph with its own fit", "pixels: statmorph's measures"
PIXELS, WHOLE = "pixels: with asymmetry, multiplicity and errors", "all, with the Sersic fit"


def read_galaxies(run: Path, every: int) -> list[dict]:
    """Cutout, section and PSF of every so many galaxies of a run."""
    sources, tiles = read_sources(run / "sources.fits")
    sky = read_sky(run / "sky.h5") if (run / "sky.h5").exists() else None
    psf = field_psf(tiles, *psf_of(run))
    arrays = shards.concatenate(
        sorted(run.glob("cutouts/*.h5")), ["row", "image", "rms", "mask", "x", "y", "flags"]
    )
    use = np.flatnonzero((arrays["flags"] & NO_DATA) == 0)[::every]
    arrays = {name: values[use] for name, values in arrays.items()}
    area = np.count_nonzero(arrays["mask"] & OWN, axis=(1, 2))
    found = []
    around = sections(sources, tiles, sky, arrays["row"], area)
    for i, section in enumerate(around):
        row = arrays["row"][i]
        there = (int(sources["TILE"][row]), float(sources["X"][row]), float(sources["Y"][row]))
        one = {name: values[i] for name, values in arrays.items()}
        one |= {"section": section, "psf": prepare_psf(psf(*there))}
        one |= {"scale": float(tiles.meta["PIXSCALE"]), "noise": sky.noise if sky else np.inf}
        found.append(one)
    return found


def psf_of(run: Path) -> tuple:
    """The PSF of a run's field, and its oversampling, from the config beside its results."""
    name = run.name
    if name == "demo":
        return [str(run / "simulated/psf.fits")], None
    field = yaml.safe_load((run.parents[1] / "config.yaml").read_text())["fields"][name]
    return [field["psf"]], field.get("psf_oversampling")


def ways(one: dict) -> dict[str, Callable[[], object]]:
    """The ways to measure one galaxy."""
    image, rms = (np.ascontiguousarray(one[name], float) for name in ("image", "rms"))
    own = regularise_segment((one["mask"] & OWN) > 0, one["x"], one["y"])
    hidden = (one["mask"] & (NEIGHBOUR | MISSING)) > 0

    def theirs():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return statmorph.SourceMorphology(
                image, own.astype(np.int32), 1, mask=hidden, weightmap=rms, psf=one["psf"]
            )

    return {
        STATMORPH: theirs,
        FAST: lambda: measure_fast(image, rms, own, hidden),
        PIXELS: lambda: measure_galaxy(image, rms, one["mask"], one["x"], one["y"]),
        WHOLE: lambda: measure_section(
            *one["section"], True, one["psf"], pixel_scale=one["scale"], sky_noise=one["noise"]
        ),
    }


def time_field(run: Path, every: int) -> list[list]:
    """Rows of the table: processor ms a galaxy (mean, median), and times as fast as statmorph."""
    galaxies = read_galaxies(run, every)
    spent = {name: [] for name in (STATMORPH, FAST, PIXELS, WHOLE)}
    for one in galaxies:
        for name, measure in ways(one).items():
            start = time.process_time()
            measure()
            spent[name].append(1000 * (time.process_time() - start))
    theirs = np.mean(spent[STATMORPH])
    return [
        [run.name, len(galaxies), name, f"{np.mean(ms):.1f}", f"{np.median(ms):.1f}",
         f"{theirs / np.mean(ms):.1f}"]
        for name, ms in spent.items()
    ]  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = new_parser(__doc__)
    parser.add_argument("runs", type=Path, nargs="*", default=[DEMO], metavar="RUN")
    parser.add_argument("--every", type=int, default=6)
    given = parser.parse_args()
    warm_up()
    rows = [row for run in given.runs for row in time_field(run.resolve(), given.every)]
    print_table(["field", "galaxies", "what", "ms, mean", "ms, median", "times as fast"], rows)


if __name__ == "__main__":
    main()
