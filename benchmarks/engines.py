"""Do both engines find the same? Share of galaxies of which each measure agrees, and the time.

    python benchmarks/engines.py [results/demo ...] [--every 6] [--galaxies 60]
           [--output docs/figures/engines.csv]

`fast` is compared with `statmorph` on every `--every`-th cutout of runs, on all stamps of COSMOS
galaxies if `--data` has them, and on simulated Sersic galaxies of S/N 5 to 100, where statmorph's
flag is good. A value agrees within 1 % or 0.01.
"""

import time
from pathlib import Path

import numpy as np
from common import DATA, DEMO, FIGURES, new_parser
from astropy.io import fits
from astropy.table import Table
from sersic_fields import INDICES, SIZES
from tables import write_table

from morphovote.fields.cutouts import cut_source
from morphovote.flags import MISSING, NEIGHBOUR, OWN
from morphovote.measure.engines import NONPARAMETRIC, Pixels, measure_fast, measure_statmorph
from morphovote.measure.morphology import regularise_segment
from morphovote.measure.sersic import sersic_image
from morphovote.storage import shards

CLOSE = 0.01
LEVELS = (5, 10, 20, 50, 100)
SIDE, SCALE = 100, 0.03


def field_galaxies(paths: list[Path], every: int) -> list[tuple]:
    """What an engine takes, of every so many cutouts of shards."""
    names = ("image", "rms", "mask", "x", "y")
    shard = (shards.read_shard(path, list(names)) for path in paths)
    cut = [[one[n][i] for n in names] for one in shard for i in range(0, len(one["x"]), every)]
    return engine_input(cut)


def engine_input(cut: list[list]) -> list[tuple]:
    """What an engine takes, of cutouts (image, rms, mask, x, y) that have a segment."""
    found = []
    for image, rms, mask, x, y in cut:
        own = regularise_segment((mask & OWN) > 0, x, y)
        if own.any():
            image, rms = image.astype(float), rms.astype(float)
            found.append((image, rms, own, (mask & (NEIGHBOUR | MISSING)) > 0))
    return found


def cosmos_galaxies(stamps: Path) -> list[tuple]:
    """The same of stamps of COSMOS galaxies, each cut to its shorter side."""
    cut = []
    for sample in ("23.5", "26_extension_example"):
        for row in Table.read(stamps / f"real_galaxy_catalog_{sample}.fits"):
            stamp = fits.getdata(stamps / row["GAL_FILENAME"].strip(), int(row["GAL_HDU"]))
            centre = tuple((side - 1) / 2 for side in stamp.shape[::-1])
            one = cut_source(
                stamp.astype(np.float32),
                None,
                centre,
                min(stamp.shape),
                name=str(row["IDENT"]),
                pixel_scale=SCALE,
            )
            cut.append([one[name] for name in ("image", "rms", "mask", "x", "y")])
    return engine_input(cut)


def simulated_galaxies(count: int) -> list[tuple]:
    """The same of Sersic galaxies in white noise, S/N inside the segment one of `LEVELS`."""
    rng, found = np.random.default_rng(3), []
    for number in range(count):
        low, high = np.log(SIZES[0] / SCALE), np.log(SIZES[-1] / SCALE / 2)
        n = np.exp(rng.uniform(np.log(INDICES[0]), np.log(INDICES[-1])))
        shape = (np.exp(rng.uniform(low, high)), n, *rng.uniform(48, 51, 2), rng.uniform(0.3, 1))
        clean = sersic_image(*shape, rng.uniform(0, np.pi), (SIDE, SIDE))
        snr, clean = LEVELS[number % len(LEVELS)], clean / clean.max()
        for _ in range(60):
            own = clean > 1
            now = clean[own].sum() / np.sqrt(max(own.sum(), 1))
            clean = clean * min(max(snr / max(now, 1e-6), 0.5), 2.0)
        image = clean + rng.normal(size=clean.shape)
        if (clean > 1).any():
            hidden = np.zeros(clean.shape, bool)
            found.append((image, np.ones_like(image), clean > 1, hidden))
    return found


def timed(engine, galaxies: list[tuple]) -> tuple[list[Pixels], float]:
    """What an engine finds, and processor milliseconds a galaxy."""
    engine(*galaxies[0])
    start = time.process_time()
    found = [engine(*galaxy) for galaxy in galaxies]
    return found, 1000 * (time.process_time() - start) / len(galaxies)


def compare(name: str, galaxies: list[tuple]) -> list[dict]:
    """Rows of the table: one a measure, then the flags and the times."""
    fast, fast_ms = timed(measure_fast, galaxies)
    slow, slow_ms = timed(measure_statmorph, galaxies)
    good = [pair for pair in zip(fast, slow, strict=True) if pair[1].flag == 0]
    columns = {key: [[one.values[key] for one in pair] for pair in good] for key in NONPARAMETRIC}
    columns |= {
        "centre x": [[one.centre[0] for one in pair] for pair in good],
        "r_ellipse": [[one.r_ellipse for one in pair] for pair in good],
        "elongation": [[one.elongation for one in pair] for pair in good],
    }
    rows = []
    for key, pairs in columns.items():
        ours, theirs = np.array(pairs).T
        off = np.abs(ours - theirs)
        agrees = (off <= CLOSE) | (off <= CLOSE * np.abs(theirs))
        agrees |= np.isnan(ours) & np.isnan(theirs)
        rows.append({"galaxies": name, "number": len(good), "measure": key,
                     "agree": agrees.mean(), "largest": np.nanmax(off)})  # fmt: skip
    same = np.mean([a.flag == b.flag for a, b in zip(fast, slow, strict=True)])
    rows.append({"galaxies": name, "number": len(galaxies), "measure": "flag", "agree": same,
                 "largest": np.nan})  # fmt: skip
    print(f"{name}: {fast_ms:.1f} ms fast, {slow_ms:.1f} ms statmorph (its Sersic fit cut short): "
          f"{slow_ms / fast_ms:.1f} times; flags equal {same:.3f}", flush=True)  # fmt: skip
    return rows


def main() -> None:
    """Print and write the table."""
    parser = new_parser(__doc__, FIGURES / "engines.csv")
    parser.add_argument("runs", type=Path, nargs="*", default=[DEMO], metavar="RUN")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--galaxies", type=int, default=60)
    options = parser.parse_args()
    rows = []
    for run in options.runs:
        rows += compare(run.name, field_galaxies(sorted(run.glob("cutouts/*.h5")), options.every))
    if (options.data / "cosmos_acs_stamps").is_dir():
        rows += compare("COSMOS", cosmos_galaxies(options.data / "cosmos_acs_stamps"))
    rows += compare("simulated", simulated_galaxies(options.galaxies))
    write_table(options.output, rows, 4)
    print(options.output.read_text())


if __name__ == "__main__":
    main()
