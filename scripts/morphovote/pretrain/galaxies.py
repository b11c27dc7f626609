"""Simulated galaxies for the encoder: what they are, drawn at random, before any telescope.

A batch is a dict of tensors, one row a galaxy. Lengths are in units of the galaxy's size (the
half-light radius of a spheroid or of a plain disc), angles in radians, fluxes in shares of the
whole. Discs carry a map of their face-on brightness relative to an exponential, on a grid of
ln radius and angle, in which a logarithmic spiral is a straight line at its pitch angle.
"""

import math

import torch

KINDS = (
    "spheroid",
    "smooth_disc",
    "spiral",
    "edge_on",
    "ring",
    "irregular",
    "merger",
    "star",
    "artefact",
)
SHARES = (0.17, 0.14, 0.26, 0.11, 0.05, 0.11, 0.11, 0.03, 0.02)
SPHEROID, SMOOTH, SPIRAL, EDGE_ON, RING, IRREGULAR, MERGER, STAR, ARTEFACT = range(len(KINDS))
# Scale length of an exponential disc whose half-light radius is 1.
SCALE = 1 / 1.678
# The map: ln radius (in scale lengths) by angle.
RADII, TURNS = 72, 144
INNER, OUTER = 0.03, 12.0
# Galaxies in one image (two where they merge), and Gaussians in one image, at most.
BLOBS = 36


class Draw:
    """Random numbers of one generator, `count` at a time."""

    def __init__(self, seed: int, count: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.count = count

    def uniform(self, low=0.0, high=1.0, *more: int) -> torch.Tensor:
        """Uniform between `low` and `high`, shape (count, *more)."""
        return low + (high - low) * torch.rand((self.count, *more), generator=self.generator)

    def log(self, low: float, high: float, *more: int) -> torch.Tensor:
        """Log-uniform between `low` and `high`."""
        return torch.exp(self.uniform(math.log(low), math.log(high), *more))

    def normal(self, *more: int) -> torch.Tensor:
        """Standard normal."""
        return torch.randn((self.count, *more), generator=self.generator)

    def chance(self, share) -> torch.Tensor:
        """True for a share of the rows."""
        return self.uniform() < share

    def choice(self, weights) -> torch.Tensor:
        """One index a row, with these weights."""
        weights = torch.tensor(weights, dtype=torch.float32)
        return torch.multinomial(weights, self.count, True, generator=self.generator)

    def integers(self, low: int, high: int) -> torch.Tensor:
        """Integers from `low` up to and without `high`."""
        return torch.randint(low, high, (self.count,), generator=self.generator)


def draw_galaxies(seed: int, count: int) -> dict[str, torch.Tensor]:
    """Draw galaxies of all kinds.

    Parameters
    ----------
    seed : int
    count : int

    Returns
    -------
    dict of Tensor
        First axis `count`. `kind` (int, see `KINDS`), and of two systems a and b (b only where
        galaxies merge) arrays with a second axis of 2: `present`, `x`, `y` (centre), `size`,
        `flux`, `turn`; of their bulges `bulge` (share of the flux), `n`, `r_e`, `q`,
        `boxiness`, `bulge_turn`; of their discs `cos_i`, `thickness` (in scale lengths), `dust`
        (face-on optical depth), `bend`, `warp`, `map` (count, 2, 72, 144); of Gaussians
        `blob_*`, shape (count, 36). What only some discs have (`arms`, `pitch`, `contrast`,
        `bar`, `ring`, `flocculence`, `clumpiness`, `tails`) is of system a.
    """
    draw = Draw(seed, count)
    kind = draw.choice(SHARES)
    merging = kind == MERGER
    everywhere = torch.ones(count, dtype=torch.bool)
    systems = [_draw_system(draw, kind, needed) for needed in (everywhere, merging)]
    galaxies = {
        name: torch.stack([system[name] for system in systems], 1)
        for name in systems[0]
        if name not in TRUTHS
    }
    galaxies |= {name: systems[0][name] for name in TRUTHS}
    galaxies["kind"] = kind
    # Mass ratios of 1:1 to 1:6, at 0.15 to 3 radii.
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
    _add_blobs(draw, galaxies, direction)
    return galaxies


TRUTHS = ("arms", "pitch", "contrast", "bar", "ring", "flocculence")


def _draw_system(draw: Draw, kind: torch.Tensor, needed: torch.Tensor) -> dict[str, torch.Tensor]:
    """Draw a bulge and a disc for each galaxy; the disc's map only where it is needed."""
    count = draw.count
    # Those that merge are galaxies of any kind.
    any_kind = torch.where(draw.chance(0.35), SPHEROID, torch.where(draw.chance(0.35), 1, 2))
    kind = torch.where(kind == MERGER, any_kind, kind)
    disc = (kind >= SMOOTH) & (kind <= IRREGULAR)
    irregular = kind == IRREGULAR
    late = (kind == SPIRAL) | (kind == RING) | ((kind == EDGE_ON) & draw.chance(0.5))
    # Later types have less of a bulge, and some have none.
    bulge = torch.where(late, draw.log(0.01, 0.5), draw.uniform(0.1, 0.8))
    bulge = torch.where(late & draw.chance(0.15), 0.0, bulge)
    bulge = torch.where(irregular, draw.log(0.005, 0.15) * draw.chance(0.6), bulge)
    bulge = torch.where(disc, bulge, 1.0)
    n = torch.where(disc, draw.log(0.7, 4.5), draw.log(1.3, 8.0))
    n = torch.where((kind == SPHEROID) & draw.chance(0.5), draw.uniform(3.0, 5.5), n)
    r_e = SCALE * draw.log(0.08, 0.6) * (0.6 + 0.8 * bulge)
    # Bars start from compact bulges, and a large bulge is not a small disc's centre.
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
    # Maps take most of the time: only where there is a disc.
    rows = torch.nonzero(disc & needed)[:, 0]
    rows = rows if len(rows) else torch.zeros(1, dtype=torch.long)
    seed = int(draw.integers(0, 2**31 - 1)[0])
    maps, truths = _draw_maps(Draw(seed, len(rows)), kind[rows], late[rows])
    for name, value in {"map": maps, **truths}.items():
        system[name] = torch.zeros(count, *value.shape[1:], dtype=value.dtype)
        system[name][rows] = value
    return system


def _noise(draw: Draw, across: torch.Tensor, along: torch.Tensor, slope: torch.Tensor):
    """Gaussian fields of unit variance on the map, stretched along a direction.

    `slope` is the angle (rad) between that direction and the circles, (count,); `across` and
    `along` are correlation lengths (rad of the map, in which one turn is 2 pi).
    """
    # The map is 6 high in ln r: padded twofold, so that inside and outside are independent.
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
    """A number a galaxy, (count,), for all of its map."""
    return value[:, None, None]


def _draw_maps(draw: Draw, kind: torch.Tensor, late: torch.Tensor):
    """Face-on maps of discs, (count, RADII, TURNS), and what they show: `TRUTHS`."""
    ln_r = torch.linspace(math.log(INNER), math.log(OUTER), RADII)[None, :, None]
    theta = (torch.arange(TURNS) * (2 * math.pi / TURNS))[None, None]
    plane = {"ln_r": ln_r, "r": torch.exp(ln_r), "theta": theta}
    plane["hand"] = torch.where(draw.chance(0.5), 1.0, -1.0)
    plane["pitch"] = draw.log(7.0, 45.0).mul(math.pi / 180)
    noise = _draw_noises(draw, plane["hand"] * plane["pitch"])
    bar = _draw_bar(draw, plane, kind, late)
    arms = _draw_arms(draw, plane, kind, late, bar, noise)
    patches, flocculence = _draw_patches(draw, plane, kind, late, arms["grand"], noise)
    ring = _draw_ring(draw, plane, kind, late, bar, noise["sheared"])
    decline = _draw_decline(draw, plane, kind)

    # Between the arms the disc is dimmer by what the arms took.
    contrast, strength = arms["contrast"], ring["strength"]
    disc = _column(1 / (1 + 0.35 * contrast)) * (1 + _column(contrast) * arms["pattern"])
    disc = disc * arms["lane"] * patches * ring["hollow"]
    disc = disc * (1 + _column(strength) * ring["circle"])
    exponential = torch.exp(-plane["r"])
    disc = disc * decline["lopsided"].clamp(min=0.05) * decline["broken"] * exponential
    weight = plane["r"] ** 2
    disc = disc / (disc * weight).sum((1, 2), keepdim=True)
    light = bar["light"] / (bar["light"] * weight).sum((1, 2), keepdim=True)
    share = _column(bar["share"])
    maps = ((1 - share) * disc + share * light) / exponential
    # Unit flux: the sum over d(ln r) d(theta) of r^2 exp(-r) map.
    cell = math.log(OUTER / INNER) / (RADII - 1) * (2 * math.pi / TURNS)
    truths = {
        "arms": torch.where(contrast > 0.3, arms["number"], 0),
        "pitch": plane["pitch"],
        "contrast": contrast,
        "bar": bar["share"],
        "ring": strength,
        "flocculence": flocculence,
    }
    return maps / cell, truths


def _draw_noises(draw: Draw, slope: torch.Tensor) -> dict[str, torch.Tensor]:
    """Random fields that follow the arms: smooth, fine, and sheared into short pieces."""
    half = torch.full((draw.count,), 0.5)
    return {
        "smooth": _noise(draw, half, half, slope),
        "fine": _noise(draw, draw.log(0.05, 0.13), draw.log(0.06, 0.25), slope),
        "sheared": _noise(draw, draw.log(0.07, 0.16), draw.log(0.3, 0.9), slope),
    }


def _draw_bar(draw: Draw, plane: dict, kind: torch.Tensor, late: torch.Tensor) -> dict:
    """A bar: a generalised ellipse with a flat or a falling profile (Athanassoula et al. 1990)."""
    barred = draw.chance(torch.where(late, 0.4, torch.where(kind == SMOOTH, 0.3, 0.0)))
    length = torch.where(late, draw.uniform(0.6, 1.8), draw.uniform(0.8, 2.2))
    shape, width = draw.uniform(1.8, 4.0), draw.log(0.15, 0.5)
    turn = draw.uniform(0, math.pi)
    phi = plane["theta"] - _column(turn)
    long = (plane["r"] * torch.cos(phi)).abs()
    short = (plane["r"] * torch.sin(phi)).abs()
    power = _column(shape)
    rho = (long / _column(length)) ** power + (short / _column(length * width)) ** power
    rho = (rho + 1e-9) ** (1 / power)
    steep = _column(draw.uniform(1.5, 5.0))
    light = torch.exp(-math.log(2.0) * rho.clamp(max=6) ** steep) * torch.exp(-0.5 * rho)
    # Ansae, and light that the bar adds over its inner disc.
    ansae = torch.exp(-(((long - 0.9 * _column(length)) / 0.18) ** 2 + (short / 0.2) ** 2))
    light = light + _column(draw.chance(0.2) * draw.uniform(0.1, 0.5)) * ansae
    share = torch.where(barred, draw.log(0.04, 0.4), 0.0)
    return {
        "barred": barred, "length": length, "turn": turn, "phi": phi, "light": light, "share": share
    }  # fmt: skip


def _draw_arms(
    draw: Draw, plane: dict, kind: torch.Tensor, late: torch.Tensor, bar: dict, noise: dict
) -> dict:
    """Arms: log spirals whose pitch drifts, wide or narrow, unequal, ragged, clumpy."""
    ln_r, hand = plane["ln_r"], plane["hand"]
    number = 1 + draw.choice((0.07, 0.52, 0.2, 0.13, 0.08))
    grand = late & draw.chance(0.78) & (kind != RING) | (kind == RING) & draw.chance(0.35)
    contrast = torch.where(grand, draw.log(0.25, 6.0), 0.0)
    inner = torch.where(bar["barred"], bar["length"], draw.log(0.15, 1.0))
    outer = draw.uniform(2.2, 5.0)
    wound = 1 / torch.tan(plane["pitch"])
    x = ln_r - _column(torch.log(inner))
    winding = _column(hand * wound) * (x + _column(0.15 * draw.normal()) * x**2 * (x > 0))
    ragged = _column(draw.log(0.05, 0.5)) * noise["smooth"]
    phase = plane["theta"] - winding - _column(bar["turn"]) + ragged
    total = _column(number.float()) * phase
    sharp = _column(draw.log(0.8, 7.0))
    crest = torch.exp(sharp * (torch.cos(total) - 1))
    uneven = _column(draw.uniform(0, 0.7)) * torch.cos(phase - _column(draw.uniform(0, 6.3)))
    reach = _step(ln_r, _column(torch.log(0.85 * inner)), 0.12)
    reach = reach * _step(-ln_r, -_column(torch.log(outer)), 0.12)
    knots = torch.exp(_column(draw.uniform(0, 1.1)) * (noise["fine"] - 0.5))
    pattern = crest * (1 + uneven) * reach * knots
    # Dust on the inner edge of the arms.
    lane = torch.exp(14 * (torch.cos(total + _column(hand * draw.uniform(0.4, 1.0))) - 1)) * reach
    lane = torch.exp(-_column(torch.where(grand, draw.uniform(0, 1.2), 0.0)) * lane)
    return {
        "number": number, "grand": grand, "contrast": contrast, "pattern": pattern, "lane": lane
    }  # fmt: skip


def _draw_patches(
    draw: Draw,
    plane: dict,
    kind: torch.Tensor,
    late: torch.Tensor,
    grand: torch.Tensor,
    noise: dict,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flocculent structure, short pieces of arm everywhere: its map and its strength."""
    irregular = kind == IRREGULAR
    smooth, fine, sheared = (noise[name] for name in ("smooth", "fine", "sheared"))
    flocculent = late & (~grand | draw.chance(0.4)) & (kind != RING)
    flocculence = torch.where(flocculent, draw.log(0.2, 1.1), 0.0)
    flocculence = torch.where(irregular, draw.uniform(0.3, 1.1), flocculence)
    patches = torch.where(_column(irregular), 0.6 * smooth + 0.6 * sheared + 0.5 * fine, sheared)
    outside = _step(plane["ln_r"], math.log(0.35), 0.3)
    patches = torch.exp(_column(flocculence) * patches * outside - 0.5 * _column(flocculence) ** 2)
    return patches, flocculence


def _draw_ring(
    draw: Draw,
    plane: dict,
    kind: torch.Tensor,
    late: torch.Tensor,
    bar: dict,
    sheared: torch.Tensor,
) -> dict:
    """Rings, round or slightly oval, and discs with a hole."""
    r = plane["r"]
    ringed = (kind == RING) | draw.chance(torch.where(kind == SMOOTH, 0.1, 0.08)) & (
        late | (kind == SMOOTH)
    )
    outside_bar = bar["length"] * draw.uniform(1.0, 1.3)
    radius = torch.where(bar["barred"], outside_bar, draw.log(0.8, 3.2))
    oval = 1 + _column(draw.uniform(0, 0.18)) * torch.cos(2 * bar["phi"])
    thick = _column(draw.log(0.06, 0.22) * radius)
    circle = torch.exp(-0.5 * ((r * oval - _column(radius)) / thick) ** 2)
    circle = circle * (1 + _column(draw.uniform(0, 0.7)) * sheared.clamp(-1.3, 2))
    # Brightness relative to the disc there; a strong ring can outshine the disc.
    strength = torch.where(ringed, draw.log(0.4, 6.0), 0.0)
    hole = torch.where((kind == RING) & draw.chance(0.6), draw.uniform(0.3, 0.95), 0.0)
    hollow = 1 - _column(hole) * _step(-r, -_column(0.8 * radius), 0.12)
    return {"circle": circle, "strength": strength, "hollow": hollow}


def _draw_decline(draw: Draw, plane: dict, kind: torch.Tensor) -> dict[str, torch.Tensor]:
    """How the disc falls off otherwise than alike on all sides and by one exponential."""
    r = plane["r"]
    strength = draw.log(0.02, 0.3) * torch.where(kind == IRREGULAR, 2.0, 1.0)
    side = torch.cos(plane["theta"] - _column(draw.uniform(0, 6.3)))
    lopsided = 1 + _column(strength) * side * (r / 2).clamp(max=1)
    fall = torch.where(draw.chance(0.4), draw.uniform(0.2, 1.5), 0.0)
    broken = torch.exp(-_column(fall) * (r - _column(draw.uniform(1.5, 4.0))).clamp(min=0))
    return {"lopsided": lopsided, "broken": broken}


def _add_blobs(draw: Draw, galaxies: dict[str, torch.Tensor], direction: torch.Tensor) -> None:
    """Add Gaussians: clumps of irregulars and discs, tails of mergers, trails of artefacts."""
    kind = galaxies["kind"]
    clumps, clumpy = _draw_clumps(draw, galaxies)
    share = torch.where(kind == IRREGULAR, draw.log(0.08, 0.7), draw.log(0.02, 0.25))
    share = share * clumpy
    tailed = (kind == MERGER) & (draw.chance(0.8) | ~galaxies["present"][:, 1])
    tails = _draw_tails(draw, direction)
    trails = _draw_trails(draw)
    trailed = (kind == ARTEFACT) & draw.chance(0.7)
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


def _draw_clumps(draw: Draw, galaxies: dict) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Clumps, spread like the disc that they are in, and which galaxies have any."""
    kind, disc_turn = galaxies["kind"], galaxies["turn"][:, 0]
    index = torch.arange(BLOBS)[None].float()
    clumpy = (kind == IRREGULAR) & draw.chance(0.8)
    clumpy |= ((kind == SPIRAL) | (kind == EDGE_ON)) & draw.chance(0.2)
    number = torch.where(kind == IRREGULAR, draw.log(1, 24), draw.log(1, 12))[:, None]
    r = SCALE * -torch.log(draw.uniform(0.03, 1, BLOBS)) * draw.uniform(0.8, 1.6)[:, None]
    angle = draw.uniform(0, 2 * math.pi, BLOBS)
    x, y = r * torch.cos(angle), r * torch.sin(angle) * galaxies["cos_i"][:, :1].clamp(min=0.15)
    cosine, sine = torch.cos(disc_turn)[:, None], torch.sin(disc_turn)[:, None]
    clumps = {
        "x": x * cosine - y * sine,
        "y": x * sine + y * cosine,
        "long": draw.log(0.05, 0.25)[:, None] * draw.log(0.6, 1.6, BLOBS),
        "short": torch.zeros(draw.count, BLOBS),
        "turn": draw.uniform(0, math.pi, BLOBS),
        "flux": draw.log(0.1, 1.0, BLOBS) * (index < number) * clumpy[:, None],
    }
    clumps["short"] = clumps["long"] * draw.uniform(0.6, 1.0, BLOBS)
    return clumps, clumpy


def _draw_tails(draw: Draw, direction: torch.Tensor) -> dict[str, torch.Tensor]:
    """Tidal tails: two arcs that widen and fade outwards, from either galaxy; or shells."""
    index = torch.arange(BLOBS)[None].float()
    half = BLOBS // 2
    t = (index % half) / (half - 1)
    second = index >= half
    begin, end = draw.uniform(0.5, 1.0)[:, None], draw.log(2.0, 6.0)[:, None]
    shell = draw.chance(0.25)[:, None]
    path = begin * (end / begin) ** t
    path = torch.where(shell, end * 0.7 * torch.where(second, 1.0, 0.65), path)
    bow = torch.where(shell, 1.5, draw.log(0.4, 2.8)[:, None]) * torch.where(
        draw.chance(0.5), 1.0, -1.0
    ).unsqueeze(1)
    opposite = draw.uniform(2.2, 4.0)[:, None]
    round_ = direction[:, None] + second * opposite + bow * (t - 0.5 * shell)
    # Each Gaussian is as long as the step to the next, along the arc.
    growth = torch.where(shell, 0.0, torch.log(end / begin))
    step = path * torch.hypot(growth, bow) / half
    thick = draw.log(0.06, 0.25)[:, None] * torch.where(shell, 1.0, 1 + 1.5 * t)
    only = torch.where(draw.chance(0.35)[:, None] & second, 0.15, 1.0)
    return {
        "x": path * torch.cos(round_),
        "y": path * torch.sin(round_),
        "long": 1.1 * step + 0.03,
        "short": thick,
        "turn": round_ + torch.atan2(bow, growth),
        "flux": torch.exp(-draw.uniform(0, 2.5)[:, None] * t) * only,
    }


def _draw_trails(draw: Draw) -> dict[str, torch.Tensor]:
    """One to four straight trails of an artefact."""
    index = torch.arange(BLOBS)[None].float()
    return {
        "x": 0.5 * draw.normal(BLOBS),
        "y": 0.5 * draw.normal(BLOBS),
        "long": draw.log(2.0, 30.0)[:, None].expand(-1, BLOBS),
        "short": draw.log(0.04, 0.3)[:, None].expand(-1, BLOBS),
        "turn": draw.uniform(0, math.pi)[:, None] + index * (math.pi / 2),
        "flux": (index < draw.log(1, 3.5)[:, None]).float(),
    }
