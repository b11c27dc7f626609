"""Face-on maps of simulated discs: bars, arms, dust lanes, flocculence, rings.

A map is the brightness relative to an exponential disc, on a grid of ln radius (in scale lengths)
and angle. In this grid a logarithmic spiral is a straight line at its pitch angle.
"""

import math
from typing import NamedTuple

import torch

from morphovote.simulate.layered.kinds import (
    INNER,
    IRREGULAR,
    OUTER,
    RADII,
    RING,
    SMOOTH,
    TURNS,
    Draw,
)


class Bars(NamedTuple):
    """Bars of discs: their light on the map, and what other parts of the disc depend on."""

    light: torch.Tensor
    share: torch.Tensor
    barred: torch.Tensor
    length: torch.Tensor
    turn: torch.Tensor


class Arms(NamedTuple):
    """Grand-design arms: their light on the map relative to the disc, dust lanes, and the truth."""

    light: torch.Tensor
    lane: torch.Tensor
    grand: torch.Tensor
    number: torch.Tensor
    contrast: torch.Tensor


def _noise(draw: Draw, across: torch.Tensor, along: torch.Tensor, slope: torch.Tensor):
    """Gaussian random fields of unit variance on the map, stretched along a direction.

    `slope` is the angle (rad) between that direction and the circles, (count,); `across` and
    `along` are correlation lengths (rad of the map, in which one turn is 2 pi).
    """
    # Padded to twice its 6 in ln r, so that the innermost and outermost radii are independent.
    k_r = torch.fft.fftfreq(2 * RADII, math.log(OUTER / INNER) / RADII)[:, None] * 2 * math.pi
    k_t = torch.fft.rfftfreq(TURNS, 2 * math.pi / TURNS)[None] * 2 * math.pi
    sine, cosine = torch.sin(slope)[:, None, None], torch.cos(slope)[:, None, None]
    parallel, normal = k_r * sine + k_t * cosine, k_r * cosine - k_t * sine
    power = (parallel * along[:, None, None]) ** 2 + (normal * across[:, None, None]) ** 2
    white = torch.fft.rfft2(draw.normal(2 * RADII, TURNS))
    field = torch.fft.irfft2(white * torch.exp(-0.5 * power), s=(2 * RADII, TURNS))[:, :RADII]
    return field / field.std((1, 2), keepdim=True).clamp(min=1e-6)


def _step(value: torch.Tensor, edge: torch.Tensor, width: float) -> torch.Tensor:
    return torch.sigmoid((value - edge) / width)


def _column(value: torch.Tensor) -> torch.Tensor:
    """Reshape one value per galaxy, (count,), to broadcast over the maps."""
    return value[:, None, None]


# ln radius, (1, 72, 1), and angle (rad), (1, 1, 144), of the map's cells.
LN_R = torch.linspace(math.log(INNER), math.log(OUTER), RADII)[None, :, None]
THETA = (torch.arange(TURNS) * (2 * math.pi / TURNS))[None, None]


def draw_maps(
    draw: Draw, kind: torch.Tensor, late: torch.Tensor, factor: float = 1.0
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Draw face-on maps of discs, and the truth about them.

    Parameters
    ----------
    draw : Draw
    kind : Tensor of int, shape (count,)
        See `KINDS`.
    late : Tensor of bool, shape (count,)
        Which discs are late types.
    factor : float
        On how lopsided they are.

    Returns
    -------
    maps : Tensor, shape (count, 72, 144)
        Normalised to unit flux: the integral of r^2 exp(-r) map over ln r and theta.
    truths : dict of Tensor, shape (count,)
        arms, pitch (rad), contrast, bar (share of the light), ring, flocculence,
        lopsided (relative amplitude of the brightness across the disc, from 2 scale lengths on).
    """
    count = draw.count
    irregular = kind == IRREGULAR
    r = torch.exp(LN_R)
    hand = torch.where(draw.chance(0.5), 1.0, -1.0)
    pitch = draw.log(7.0, 45.0).mul(math.pi / 180)
    slope = hand * pitch
    smooth = _noise(draw, torch.full((count,), 0.5), torch.full((count,), 0.5), slope)
    fine = _noise(draw, draw.log(0.05, 0.13), draw.log(0.06, 0.25), slope)
    sheared = _noise(draw, draw.log(0.07, 0.16), draw.log(0.3, 0.9), slope)

    bars = _draw_bars(draw, kind, late)
    arms = _draw_arms(draw, kind, late, bars, hand, pitch, smooth, fine)
    patches, flocculence = _draw_patches(draw, kind, late, arms.grand, (smooth, sheared, fine))
    rings, hollow, strength = _draw_rings(draw, kind, late, bars, sheared)

    amplitude = factor * draw.log(0.02, 0.3) * torch.where(irregular, 2.0, 1.0)
    lopsided = 1 + _column(amplitude) * torch.cos(THETA - _column(draw.uniform(0, 6.3))) * (
        r / 2
    ).clamp(max=1)
    fall = torch.where(draw.chance(0.4), draw.uniform(0.2, 1.5), 0.0)
    broken = torch.exp(-_column(fall) * (r - _column(draw.uniform(1.5, 4.0))).clamp(min=0))
    # Between the arms the disc is dimmer, because the arms take their light from it.
    disc = _column(1 / (1 + 0.35 * arms.contrast)) * (1 + _column(arms.contrast) * arms.light)
    disc = disc * arms.lane * patches * hollow * (1 + _column(strength) * rings)
    exponential = torch.exp(-r)
    disc = disc * lopsided.clamp(min=0.05) * broken * exponential
    weight = r**2
    disc = disc / (disc * weight).sum((1, 2), keepdim=True)
    bar = bars.light / (bars.light * weight).sum((1, 2), keepdim=True)
    share = _column(bars.share)
    maps = ((1 - share) * disc + share * bar) / exponential
    cell = math.log(OUTER / INNER) / (RADII - 1) * (2 * math.pi / TURNS)
    truths = {
        "arms": torch.where(arms.contrast > 0.3, arms.number, 0),
        "pitch": pitch,
        "contrast": arms.contrast,
        "bar": bars.share,
        "ring": strength,
        "flocculence": flocculence,
        "lopsided": amplitude,
    }
    return maps / cell, truths


def _draw_bars(draw: Draw, kind: torch.Tensor, late: torch.Tensor) -> Bars:
    """Draw bars: generalised ellipses, flat or falling in profile (Athanassoula et al. 1990)."""
    r = torch.exp(LN_R)
    barred = draw.chance(torch.where(late, 0.4, torch.where(kind == SMOOTH, 0.3, 0.0)))
    length = torch.where(late, draw.uniform(0.6, 1.8), draw.uniform(0.8, 2.2))
    shape, width = draw.uniform(1.8, 4.0), draw.log(0.15, 0.5)
    turn = draw.uniform(0, math.pi)
    phi = THETA - _column(turn)
    long, short = (r * torch.cos(phi)).abs(), (r * torch.sin(phi)).abs()
    power = _column(shape)
    rho = (long / _column(length)) ** power + (short / _column(length * width)) ** power
    rho = (rho + 1e-9) ** (1 / power)
    steep = _column(draw.uniform(1.5, 5.0))
    bar = torch.exp(-math.log(2.0) * rho.clamp(max=6) ** steep) * torch.exp(-0.5 * rho)
    # Ansae: bright spots at the ends of the bar.
    ansae = torch.exp(-(((long - 0.9 * _column(length)) / 0.18) ** 2 + (short / 0.2) ** 2))
    bar = bar + _column(draw.chance(0.2) * draw.uniform(0.1, 0.5)) * ansae
    share = torch.where(barred, draw.log(0.04, 0.4), 0.0)
    return Bars(bar, share, barred, length, turn)


def _draw_arms(
    draw: Draw,
    kind: torch.Tensor,
    late: torch.Tensor,
    bars: Bars,
    hand: torch.Tensor,
    pitch: torch.Tensor,
    smooth: torch.Tensor,
    fine: torch.Tensor,
) -> Arms:
    """Draw logarithmic spirals of drifting pitch: wide or narrow, unequal, ragged, clumpy."""
    number = 1 + draw.choice((0.07, 0.52, 0.2, 0.13, 0.08))
    grand = late & draw.chance(0.78) & (kind != RING) | (kind == RING) & draw.chance(0.35)
    contrast = torch.where(grand, draw.log(0.25, 6.0), 0.0)
    inner = torch.where(bars.barred, bars.length, draw.log(0.15, 1.0))
    outer = draw.uniform(2.2, 5.0)
    start = torch.log(inner)
    wound = 1 / torch.tan(pitch)
    x = LN_R - _column(start)
    winding = _column(hand * wound) * (x + _column(0.15 * draw.normal()) * x**2 * (x > 0))
    ragged = _column(draw.log(0.05, 0.5)) * smooth
    phase = THETA - winding - _column(bars.turn) + ragged
    total = _column(number.float()) * phase
    sharp = _column(draw.log(0.8, 7.0))
    crest = torch.exp(sharp * (torch.cos(total) - 1))
    uneven = _column(draw.uniform(0, 0.7)) * torch.cos(phase - _column(draw.uniform(0, 6.3)))
    reach = _step(LN_R, _column(torch.log(0.85 * inner)), 0.12)
    reach = reach * _step(-LN_R, -_column(torch.log(outer)), 0.12)
    knots = torch.exp(_column(draw.uniform(0, 1.1)) * (fine - 0.5))
    pattern = crest * (1 + uneven) * reach * knots
    # Dust on the inner edge of the arms.
    lane = torch.exp(14 * (torch.cos(total + _column(hand * draw.uniform(0.4, 1.0))) - 1)) * reach
    lane = torch.exp(-_column(torch.where(grand, draw.uniform(0, 1.2), 0.0)) * lane)
    return Arms(pattern, lane, grand, number, contrast)


def _draw_patches(
    draw: Draw,
    kind: torch.Tensor,
    late: torch.Tensor,
    grand: torch.Tensor,
    noises: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw flocculent structure, short pieces of arms: its map and strength."""
    irregular = kind == IRREGULAR
    smooth, sheared, fine = noises
    flocculent = late & (~grand | draw.chance(0.4)) & (kind != RING)
    flocculence = torch.where(flocculent, draw.log(0.2, 1.1), 0.0)
    flocculence = torch.where(irregular, draw.uniform(0.3, 1.1), flocculence)
    patches = torch.where(_column(irregular), 0.6 * smooth + 0.6 * sheared + 0.5 * fine, sheared)
    outside = _step(LN_R, math.log(0.35), 0.3)
    patches = torch.exp(_column(flocculence) * patches * outside - 0.5 * _column(flocculence) ** 2)
    return patches, flocculence


def _draw_rings(
    draw: Draw, kind: torch.Tensor, late: torch.Tensor, bars: Bars, sheared: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw round or slightly oval rings: their light, the holes in their discs, their strength."""
    r = torch.exp(LN_R)
    ringed = (kind == RING) | draw.chance(torch.where(kind == SMOOTH, 0.1, 0.08)) & (
        late | (kind == SMOOTH)
    )
    radius = torch.where(bars.barred, bars.length * draw.uniform(1.0, 1.3), draw.log(0.8, 3.2))
    phi = THETA - _column(bars.turn)
    oval = 1 + _column(draw.uniform(0, 0.18)) * torch.cos(2 * phi)
    thick = _column(draw.log(0.06, 0.22) * radius)
    circle = torch.exp(-0.5 * ((r * oval - _column(radius)) / thick) ** 2)
    circle = circle * (1 + _column(draw.uniform(0, 0.7)) * sheared.clamp(-1.3, 2))
    # Brightness relative to the local disc; a strong ring can outshine it.
    strength = torch.where(ringed, draw.log(0.4, 6.0), 0.0)
    hole = torch.where((kind == RING) & draw.chance(0.6), draw.uniform(0.3, 0.95), 0.0)
    hollow = 1 - _column(hole) * _step(-r, -_column(0.8 * radius), 0.12)
    return circle, hollow, strength
