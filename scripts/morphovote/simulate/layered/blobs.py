"""Gaussians added to simulated images: clumps, tidal tails and shells, trails of artefacts."""

import math

import torch

from morphovote.simulate.layered.kinds import (
    ARTEFACT,
    BLOBS,
    EDGE_ON,
    IRREGULAR,
    MERGER,
    SCALE,
    SPIRAL,
    TRAINING,
    Draw,
    Population,
)

INDEX = torch.arange(BLOBS)[None].float()


def add_blobs(
    draw: Draw,
    galaxies: dict[str, torch.Tensor],
    direction: torch.Tensor,
    population: Population = TRAINING,
) -> None:
    """Add Gaussians to a batch, as `blob_*` (count, 36), with the truths clumpiness and tails.

    Parameters
    ----------
    draw : Draw
    galaxies : dict of Tensor
        From `galaxies.draw_galaxies`. Changed in place: the Gaussians take their share of `flux`.
    direction : Tensor, shape (count,)
        From one merging galaxy to the other (rad).
    population : Population
    """
    clumps, clumpy, share = _draw_clumps(draw, galaxies, population)
    tails, tailed = _draw_tails(draw, galaxies, direction)
    trails, trailed = _draw_trails(draw, galaxies["kind"])
    for name, value in clumps.items():
        value = torch.where(tailed[:, None], tails[name], value)
        galaxies[f"blob_{name}"] = torch.where(trailed[:, None], trails[name], value)
    tail_share = torch.where(tailed, draw.log(0.06, 0.4), 0.0)
    share = torch.where(tailed, tail_share, share)
    share = torch.where(trailed, 0.8, share)
    flux = galaxies["blob_flux"]
    galaxies["blob_flux"] = share[:, None] * flux / flux.sum(1, keepdim=True).clamp(min=1e-6)
    galaxies["flux"] = galaxies["flux"] * (1 - share)[:, None]
    galaxies["tails"] = tail_share
    galaxies["clumpiness"] = torch.where(clumpy, share, 0.0)


def _draw_clumps(
    draw: Draw, galaxies: dict[str, torch.Tensor], population: Population
) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    """Clumps, distributed like the disc; which galaxies have them; their share of the light."""
    count, kind = draw.count, galaxies["kind"]
    disc_turn = galaxies["turn"][:, 0]
    clumpy = (kind == IRREGULAR) & draw.chance(0.8)
    clumpy |= ((kind == SPIRAL) | (kind == EDGE_ON)) & draw.chance(population.clumpy)
    number = torch.where(kind == IRREGULAR, draw.log(1, 24), draw.log(1, 12))[:, None]
    r = SCALE * -torch.log(draw.uniform(0.03, 1, BLOBS)) * draw.uniform(0.8, 1.6)[:, None]
    angle = draw.uniform(0, 2 * math.pi, BLOBS)
    x, y = r * torch.cos(angle), r * torch.sin(angle) * galaxies["cos_i"][:, :1].clamp(min=0.15)
    cosine, sine = torch.cos(disc_turn)[:, None], torch.sin(disc_turn)[:, None]
    clumps = {
        "x": x * cosine - y * sine,
        "y": x * sine + y * cosine,
        "long": draw.log(0.05, 0.25)[:, None] * draw.log(0.6, 1.6, BLOBS),
        "short": torch.zeros(count, BLOBS),
        "turn": draw.uniform(0, math.pi, BLOBS),
        "flux": draw.log(0.1, 1.0, BLOBS) * (number > INDEX) * clumpy[:, None],
    }
    clumps["short"] = clumps["long"] * draw.uniform(0.6, 1.0, BLOBS)
    share = torch.where(kind == IRREGULAR, draw.log(0.08, 0.7), draw.log(*population.clumps))
    return clumps, clumpy, share * clumpy


def _draw_tails(
    draw: Draw, galaxies: dict[str, torch.Tensor], direction: torch.Tensor
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Two tidal tails, arcs that widen and fade outwards, or shells; which galaxies have them."""
    kind = galaxies["kind"]
    tailed = (kind == MERGER) & (draw.chance(0.8) | ~galaxies["present"][:, 1])
    half = BLOBS // 2
    t = (INDEX % half) / (half - 1)
    second = half <= INDEX
    begin, end = draw.uniform(0.5, 1.0)[:, None], draw.log(2.0, 6.0)[:, None]
    shell = draw.chance(0.25)[:, None]
    path = begin * (end / begin) ** t
    path = torch.where(shell, end * 0.7 * torch.where(second, 1.0, 0.65), path)
    bow = torch.where(shell, 1.5, draw.log(0.4, 2.8)[:, None]) * torch.where(
        draw.chance(0.5), 1.0, -1.0
    ).unsqueeze(1)
    opposite = draw.uniform(2.2, 4.0)[:, None]
    round_ = direction[:, None] + second * opposite + bow * (t - 0.5 * shell)
    # Along the arc, each Gaussian is as long as the distance to the next.
    growth = torch.where(shell, 0.0, torch.log(end / begin))
    step = path * torch.hypot(growth, bow) / half
    thick = draw.log(0.06, 0.25)[:, None] * torch.where(shell, 1.0, 1 + 1.5 * t)
    only = torch.where(draw.chance(0.35)[:, None] & second, 0.15, 1.0)
    tails = {
        "x": path * torch.cos(round_),
        "y": path * torch.sin(round_),
        "long": 1.1 * step + 0.03,
        "short": thick,
        "turn": round_ + torch.atan2(bow, growth),
        "flux": torch.exp(-draw.uniform(0, 2.5)[:, None] * t) * only,
    }
    return tails, tailed


def _draw_trails(draw: Draw, kind: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """One to four straight trails across an artefact; which artefacts have them."""
    trails = {
        "x": 0.5 * draw.normal(BLOBS),
        "y": 0.5 * draw.normal(BLOBS),
        "long": draw.log(2.0, 30.0)[:, None].expand(-1, BLOBS),
        "short": draw.log(0.04, 0.3)[:, None].expand(-1, BLOBS),
        "turn": draw.uniform(0, math.pi)[:, None] + INDEX * (math.pi / 2),
        "flux": (draw.log(1, 3.5)[:, None] > INDEX).float(),
    }
    trailed = (kind == ARTEFACT) & draw.chance(0.7)
    return trails, trailed
