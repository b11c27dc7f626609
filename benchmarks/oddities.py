"""Whether rare objects that the encoder never saw are among the strangest of a field.

    python benchmarks/oddities.py results/demo

Lensed arcs and rings of fire are put at empty positions of a field's images, with its PSF and
noise, cut out like the field's own galaxies and taken through all steps with the field's own model.
Controls are ordinary simulated galaxies of the same magnitudes, put at such positions, too, and
those of the field's galaxies that have a neighbour in their cutout. For each kind and several
scores, the table has the share above 99 % and 95 % of the field's own galaxies. The first
score is STRANGENESS. Run it in the folder in which the field was run.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import galsim
import numpy as np
import torch
from common import DEMO, WORK, new_parser
from sklearn.neighbors import LocalOutlierFactor
from tables import print_row, write_table

from morphovote.chain import Chain
from morphovote.compute.neighbours import isolation
from morphovote.embedding import BATCH, CUTOUT
from morphovote.fields.cutouts import BORDER
from morphovote.fields.psf import psf_pixels
from morphovote.fields.sky import read_sky
from morphovote.fields.sources import read_sources
from morphovote.flags import OWN
from morphovote.simulate.galaxies import FINE, make_galaxy
from morphovote.simulate.injection import CLEAR, cut_light, draw_profile_light, image_places
from morphovote.simulate.population import KINDS, draw_properties
from morphovote.storage.files import read_json
from morphovote.storage.shards import read_shard

# AB magnitudes: bright enough for a person to see what they are.
BRIGHT, FAINT = 20.5, 22.5
# What the scores are made of.
NEEDED = (*CUTOUT, "arcs", "neighbours")


def draw_arc(rng: np.random.Generator) -> galsim.GSObject:
    """A spheroid that lenses a galaxy behind it into an arc, and its counter-image; of flux 1.

    The Einstein radius is that of galaxies as lenses (0.6 to 1.1 arcsec; Bolton et al. 2008,
    ApJ 682, 964). The arc is a thin piece of its circle, with 0.35 to 0.6 of the light.
    """
    radius, length, thin = rng.uniform(0.6, 1.1), rng.uniform(1.6, 3.2), rng.uniform(0.04, 0.08)
    x, y = grid(1.6 * radius)
    far, angle = np.hypot(x, y), np.arctan2(y, x)
    ends = np.clip((0.5 * length - np.abs(angle)) / 0.3, 0, 1)
    arc = np.exp(-0.5 * ((far - radius) / thin) ** 2) * ends
    counter = np.exp(-0.5 * ((x + 0.7 * radius) ** 2 + y**2) / (1.5 * thin) ** 2)
    lensed = as_profile(arc / arc.sum() + rng.uniform(0.1, 0.25) * counter / counter.sum())
    lensed = lensed.rotate(rng.uniform(0, 2 * np.pi) * galsim.radians)
    lens = galsim.Sersic(4, half_light_radius=rng.uniform(0.25, 0.5))
    lens = lens.shear(q=rng.uniform(0.6, 0.95), beta=rng.uniform(0, np.pi) * galsim.radians)
    share = rng.uniform(0.35, 0.6)
    return (1 - share) * lens + share * lensed


def draw_fire(rng: np.random.Generator) -> galsim.GSObject:
    """A ring of fire: a collisional ring of star-forming knots about a hole; of flux 1.

    As R5519 (Yuan et al. 2020, Nature Astronomy 4, 957). The nucleus is faint and off centre.
    """
    radius, q = rng.uniform(0.45, 0.9), rng.uniform(0.75, 1.0)
    x, y = grid(1.7 * radius)
    far, angle = np.hypot(x, y / q), rng.uniform(0, 2 * np.pi, rng.integers(6, 14))
    ring = np.exp(-0.5 * ((far - radius) / (rng.uniform(0.08, 0.14) * radius)) ** 2)
    light = rng.uniform(0.4, 0.65) * ring / ring.sum()
    knots = np.zeros_like(x)
    for one in angle:
        size, flux = rng.uniform(0.06, 0.1) * radius, 1 / rng.uniform(0.2, 1.0)
        dx, dy = x - radius * np.cos(one), y - q * radius * np.sin(one)
        knots += flux * np.exp(-0.5 * (dx**2 + dy**2) / size**2) / size**2
    off = rng.uniform(0.1, 0.4) * radius * np.exp(1j * rng.uniform(0, 2 * np.pi))
    nucleus = np.exp(-0.5 * np.abs(x + 1j * y - off) ** 2 / (0.12 * radius) ** 2)
    light += 0.4 * knots / knots.sum() + rng.uniform(0.03, 0.1) * nucleus / nucleus.sum()
    return as_profile(light).rotate(rng.uniform(0, np.pi) * galsim.radians)


def draw_ordinary(rng: np.random.Generator, magnitude: float) -> galsim.GSObject:
    """A galaxy of a random class as in the simulated fields; of flux 1."""
    kind = str(rng.choice([kind for kind in KINDS if kind != "UNC"]))
    radius = draw_properties(kind, magnitude, rng)["R_E"]
    return make_galaxy(kind, rng, magnitude, radius)[0].withFlux(1)


def grid(half: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (arcsec) of a fine, centred grid."""
    side = np.arange(-int(half / FINE), int(half / FINE) + 1) * FINE
    return tuple(np.meshgrid(side, side))


def as_profile(light: np.ndarray) -> galsim.GSObject:
    """An image on the fine grid as a profile of flux 1."""
    return galsim.InterpolatedImage(galsim.Image(light, scale=FINE), flux=1.0)


MAKERS = {
    "lensed arc": lambda rng, magnitude: draw_arc(rng),
    "ring of fire": lambda rng, magnitude: draw_fire(rng),
    "ordinary": draw_ordinary,
}


def put_into(
    run: Path, kind: str, count: int, size: int, seed: int, neighbours: str
) -> dict[str, np.ndarray]:
    """Cutouts of `count` objects of a kind, put into the images of a run."""
    _, tiles = read_sources(run / "sources.fits")
    scale, zero_point = float(tiles.meta["PIXSCALE"]), float(tiles.meta["ZEROPT"])
    psf = psf_pixels(run / "simulated/psf.fits", scale)
    sky = read_sky(run / "sky.h5") if (run / "sky.h5").exists() else None
    side, found = size + 2 * BORDER, []
    with ExitStack() as stack:
        find = image_places(stack, tiles, side, CLEAR / scale, sky)
        for i in range(count):
            rng = np.random.default_rng([seed, list(MAKERS).index(kind), i])
            place, magnitude = find(rng), rng.uniform(BRIGHT, FAINT)
            if place is None:
                continue
            flux = 10 ** (0.4 * (zero_point - magnitude))
            profile = MAKERS[kind](rng, magnitude).withFlux(flux)
            light = draw_profile_light(profile, place.centre, side, scale, psf)
            cutout = cut_light(place, light, rng, size, neighbours, f"{kind} {i}", scale)[2]
            found.append(cutout)
    return {name: np.array([one[name] for one in found]) for name in NEEDED}


def load_chain(run: Path) -> Chain:
    """The model of a run that fitted its own."""
    model, encoder = run / "model", run.parent / "encoder"
    given = read_json(model / "model.json")["settings"]
    steps = {name: given[name]["scheme"] for name in ("denoiser", "polar")}
    steps |= {"scaling": given["cutout"]["scaling"], "vote": given["voting"]["scheme"]}
    steps |= {name: given["encoder"][name] for name in ("input", "precision", "rotations")}
    files = {"denoiser": model / "denoiser.safetensors", "pca": model / "pca.h5"}
    files |= {"voters": model / "voters.h5", "components": run / "components.h5"}
    files |= {"weights": encoder / "encoder.safetensors", "card": encoder / "encoder.json"}
    return Chain.load(files, steps, torch.get_num_threads())


def describe(chain: Chain, cutouts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the scores are made of: component, embedding, residual (N,) and picture."""
    parts = []
    for start in range(0, len(cutouts["x"]), BATCH):
        some = {name: cutouts[name][start : start + BATCH] for name in NEEDED}
        clean = chain.denoise(some)
        polar = chain.unwrap(clean, some)
        embedding = chain.encode(polar)
        own = (some["mask"] & OWN) > 0
        off = np.where(own, (some["image"] - clean["image"]) / some["rms"], 0)
        parts.append(
            {
                "component": chain.project(embedding),
                "embedding": embedding,
                "residual": np.sqrt((off**2).sum((1, 2)) / np.maximum(own.sum((1, 2)), 1)),
                "picture": polar["picture"],
                "neighbours": some["neighbours"],
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def by_isolation(name: str, white: bool = False) -> Callable:
    """A score: how far from its five nearest galaxies of the field."""

    def score(own: dict, other: dict) -> tuple[np.ndarray, np.ndarray]:
        unit = own[name].std(axis=0) if white else 1
        reference = own[name] / unit
        return isolation(reference, reference, 5), isolation(other[name] / unit, reference, 5)

    return score


def by_density(own: dict, other: dict) -> tuple[np.ndarray, np.ndarray]:
    """The local outlier factor in the components (Breunig et al. 2000)."""
    itself = LocalOutlierFactor(20).fit(own["component"])
    model = LocalOutlierFactor(20, novelty=True).fit(own["component"])
    return -itself.negative_outlier_factor_, -model.score_samples(other["component"])


SCORES = {
    "small polar pictures (STRANGENESS)": by_isolation("picture"),
    "components": by_isolation("component"),
    "components of unit variance": by_isolation("component", white=True),
    "embedding": by_isolation("embedding"),
    "local outlier factor": by_density,
    "residual of the denoiser": lambda own, other: (own["residual"], other["residual"]),
}


def main() -> None:
    parser = new_parser(__doc__, WORK / "oddities.csv")
    parser.add_argument("run", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--count", type=int, default=60, help="objects of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of their shapes and positions")
    options = parser.parse_args()
    chain, found = load_chain(options.run), []
    shards = [read_shard(path) for path in sorted((options.run / "cutouts").glob("*.h5"))]
    cutouts = {name: np.concatenate([shard[name] for shard in shards]) for name in NEEDED}
    own = describe(chain, cutouts)
    usable = np.isfinite(own["component"]).all(axis=1)
    own = {name: values[usable] for name, values in own.items()}
    alike = own["neighbours"] > 0
    others = {"with a neighbour": {name: values[alike] for name, values in own.items()}}
    neighbours = read_json(options.run / "model/model.json")["settings"]["cutout"]["neighbours"]
    size = cutouts["image"].shape[1]
    for kind in MAKERS:
        made = put_into(options.run, kind, options.count, size, options.seed, neighbours)
        others[kind] = describe(chain, made)
    for kind, other in others.items():
        for name, score in SCORES.items():
            mine, theirs = score(own, other)
            shares = {
                f"above_{q}": float(np.mean(theirs > np.quantile(mine, q / 100))) for q in (99, 95)
            }
            found.append({"score": name, "kind": kind, "galaxies": len(theirs)} | shares)
            print_row(found[-1])
    write_table(options.output, found)


if __name__ == "__main__":
    main()
