"""Random properties of the simulated galaxies for the encoder, before any telescope.

A batch is a dict of tensors with one row per galaxy. Lengths are in units of the galaxy's size (the
half-light radius of a spheroid or a plain disc), angles in radians, fluxes as fractions of the
total. Discs have a map of their face-on brightness relative to an exponential; see `discs`.
"""

import math

import torch

from morphovote.simulate.layered.blobs import add_blobs
from morphovote.simulate.layered.discs import draw_maps
from morphovote.simulate.layered.kinds import (
    ARTEFACT,
    EDGE_ON,
    IRREGULAR,
    MERGER,
    RADII,
    RING,
    SCALE,
    SMOOTH,
    SPHEROID,
    SPIRAL,
    STAR,
    TRAINING,
    TURNS,
    Draw,
    Population,
)


def draw_galaxies(
    seed: int, count: int, population: Population = TRAINING
) -> dict[str, torch.Tensor]:
    """Draw galaxies of all kinds.

    Parameters
    ----------
    seed : int
    count : int
    population : Population

    Returns
    -------
    dict of Tensor
        The first axis is `count`. `kind` (int, see `KINDS`). Arrays with a second axis of 2, for
        the systems a and b (b only in mergers): `present`, `x`, `y` (centre), `size`, `flux`,
        `turn`; for the bulges, `bulge` (fraction of the flux), `n`, `r_e`, `q`, `boxiness`,
        `bulge_turn`; for the discs, `cos_i`, `thickness` (in scale lengths), `dust` (face-on
        optical depth), `bend`, `warp`, `map` (count, 2, 72, 144). For the Gaussians, `blob_*`,
        shape (count, 36). For system a alone, `arms`, `pitch`, `contrast`, `bar`, `ring`,
        `flocculence`, `lopsided`, `clumpiness`, `tails`.
    """
    draw = Draw(seed, count)
    kind = draw.choice(population.shares)
    merging = kind == MERGER
    everywhere = torch.ones(count, dtype=torch.bool)
    systems = [
        _draw_system(draw, kind, needed, population.lopsided) for needed in (everywhere, merging)
    ]
    galaxies = {
        name: torch.stack([system[name] for system in systems], 1)
        for name in systems[0]
        if name not in TRUTHS
    }
    galaxies |= {name: systems[0][name] for name in TRUTHS}
    galaxies["kind"] = kind
    # Mergers: mass ratios of 1:1 to 1:6, separations of 0.15 to 3 radii.
    ratio = torch.where(merging, draw.log(0.16, 1.0), 0.0)
    galaxies["flux"] = torch.stack([1 / (1 + ratio), ratio / (1 + ratio)], 1)
    size = ratio.clamp(min=0.05) ** 0.45 * draw.log(0.75, 1.3)
    galaxies["size"] = torch.stack([torch.ones(count), size], 1)
    distance, direction = draw.log(0.15, 3.0), draw.uniform(0, 2 * math.pi)
    galaxies["x"] = torch.stack([torch.zeros(count), distance * torch.cos(direction)], 1)
    galaxies["y"] = torch.stack([torch.zeros(count), distance * torch.sin(direction)], 1)
    galaxies["present"] = torch.stack(
        [(kind != ARTEFACT) | draw.chance(0.25), merging & draw.chance(0.8)], 1
    )
    add_blobs(draw, galaxies, direction, population)
    return galaxies


TRUTHS = ("arms", "pitch", "contrast", "bar", "ring", "flocculence", "lopsided")


def _draw_system(
    draw: Draw, kind: torch.Tensor, needed: torch.Tensor, lopsided: float
) -> dict[str, torch.Tensor]:
    """Draw a bulge and a disc for each galaxy; the disc's map only where `needed`."""
    count = draw.count
    # Merging galaxies are of different kinds.
    any_kind = torch.where(draw.chance(0.35), SPHEROID, torch.where(draw.chance(0.35), 1, 2))
    kind = torch.where(kind == MERGER, any_kind, kind)
    disc = (kind >= SMOOTH) & (kind <= IRREGULAR)
    irregular = kind == IRREGULAR
    late = (kind == SPIRAL) | (kind == RING) | ((kind == EDGE_ON) & draw.chance(0.5))
    # Later types have smaller bulges, and some have none.
    bulge = torch.where(late, draw.log(0.01, 0.5), draw.uniform(0.1, 0.8))
    bulge = torch.where(late & draw.chance(0.15), 0.0, bulge)
    bulge = torch.where(irregular, draw.log(0.005, 0.15) * draw.chance(0.6), bulge)
    bulge = torch.where(disc, bulge, 1.0)
    n = torch.where(disc, draw.log(0.7, 4.5), draw.log(1.3, 8.0))
    n = torch.where((kind == SPHEROID) & draw.chance(0.5), draw.uniform(3.0, 5.5), n)
    r_e = SCALE * draw.log(0.08, 0.6) * (0.6 + 0.8 * bulge)
    q = torch.where(disc, draw.uniform(0.6, 1.0), 1 - 0.75 * draw.uniform() ** 1.3)
    system = {
        "turn": draw.uniform(0, 2 * math.pi),
        "bulge": bulge,
        "n": n,
        "r_e": torch.where(disc, r_e, 1.0),
        "q": q,
        "boxiness": 2 + torch.where(draw.chance(0.4), 0.2 * draw.normal(), 0.0).clamp(-0.3, 0.8),
        "bulge_turn": torch.where(disc, draw.uniform(-0.3, 0.3), 0.0),
    }
    point = (kind == STAR) | (kind == ARTEFACT)
    flat = (kind == ARTEFACT) & draw.chance(0.5)
    system["n"] = torch.where(point, torch.where(flat, 0.3, 0.5), system["n"])
    system["r_e"] = torch.where(kind == STAR, 0.02, system["r_e"])
    system["q"] = torch.where(point, 1.0, system["q"])
    face_on = draw.uniform(0.3, 1.0)
    cos_i = torch.where(kind == EDGE_ON, draw.uniform(0.05, 0.22), face_on)
    cos_i = torch.where(irregular, draw.uniform(0.15, 1.0), cos_i)
    thickness = torch.where(irregular, draw.log(0.2, 0.6), draw.log(0.1, 0.4))
    dusty = draw.chance(torch.where(kind == EDGE_ON, 0.65, torch.where(late, 0.4, 0.1)))
    edge = (kind == EDGE_ON) | irregular
    system |= {
        "cos_i": cos_i,
        "thickness": thickness,
        "dust": torch.where(dusty, draw.log(0.05, 1.0), 0.0),
        "bend": torch.where(edge & draw.chance(0.3), 0.012 * draw.normal(), 0.0)
        + torch.where(irregular & draw.chance(0.5), 0.06 * draw.normal(), 0.0),
        "warp": torch.where(edge & draw.chance(0.3), 0.015 * draw.normal(), 0.0),
    }
    # Maps take most of the time, so they are drawn only where there is a disc.
    rows = torch.nonzero(disc & needed)[:, 0]
    seed = int(draw.integers(0, 2**31 - 1)[0])
    system["map"] = torch.zeros(count, RADII, TURNS)
    for name in TRUTHS:
        system[name] = torch.zeros(count, dtype=torch.long if name == "arms" else torch.float32)
    if not len(rows):
        return system
    maps, truths = draw_maps(Draw(seed, len(rows)), kind[rows], late[rows], lopsided)
    for name, value in {"map": maps, **truths}.items():
        system[name][rows] = value
    return system
