"""A fast renderer of simulated galaxies: the light of a batch of galaxies on their cutouts.

Spheroids are Sersic (1968) profiles. Discs are sums of thin layers that approximate a sech^2
vertical structure (van der Kruit & Searle 1981), with a sheet of dust in the mid-plane that dims
the light behind it. Everything is evaluated at points in the plane of the sky, so that every
rotation, size and position takes the same time.
"""

import math

import torch
from torch.nn.functional import grid_sample

from morphovote.simulate.layered.kinds import INNER, OUTER, SCALE

SIZE = 100
# Side (px) of the centre and its samples per pixel: cuspy profiles change within a pixel.
CORE, FINE = 13, 5
# Layers of an inclined disc, and cos(inclination) below which a disc counts as inclined.
LAYERS, INCLINED = 9, 0.5
SYSTEM = (
    "x", "y", "size", "flux", "turn", "bulge", "n", "r_e", "q", "boxiness", "bulge_turn", "cos_i",
    "thickness", "dust", "bend", "warp",
)  # fmt: skip
# Galaxies per chunk: few enough that the arrays stay in the processor's cache.
CHUNK = 8


def draw_galaxy_light(
    galaxies: dict[str, torch.Tensor], view: dict[str, torch.Tensor], size: int = SIZE
) -> torch.Tensor:
    """Light of galaxies before the PSF, without noise.

    Parameters
    ----------
    galaxies : dict of Tensor
        From `galaxies.draw_galaxies`.
    view : dict of Tensor
        Shape (N,) each: `scale` (px for one unit of length), `turn` (rad), `hand` (1 or -1),
        `x`, `y` (position of the centre, px).
    size : int
        Side of the images (px).

    Returns
    -------
    Tensor
        Shape (N, size, size), float32: flux of each pixel; the sum is about 1 if no light lies
        outside.
    """
    count = len(view["scale"])
    image = torch.empty(count, size, size)
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        part = {name: value[rows] for name, value in galaxies.items()}
        image[rows] = _render_chunk(part, {k: v[rows] for k, v in view.items()}, size)
    return image


def _render_chunk(galaxies, view, size: int) -> torch.Tensor:
    count = len(view["scale"])
    grid = torch.arange(size, dtype=torch.float32)
    x, y = grid.expand(size, size).flatten(), grid[:, None].expand(size, size).flatten()
    corner = torch.stack([view["x"], view["y"]]).round().long() - CORE // 2
    corner = corner.clamp(0, size - CORE)
    offsets = (torch.arange(CORE * FINE) + 0.5) / FINE - 0.5
    fine_x = corner[0][:, None] + offsets.repeat(CORE * FINE)
    fine_y = corner[1][:, None] + offsets.repeat_interleave(CORE * FINE)
    points_x = torch.cat([x.expand(count, -1), fine_x], 1)
    points_y = torch.cat([y.expand(count, -1), fine_y], 1)
    u, v = sky_to_galaxy(points_x, points_y, view)
    light = torch.zeros_like(u)
    for system in (0, 1):
        rows = torch.nonzero(galaxies["present"][:, system])[:, 0]
        if len(rows):
            light[rows] += system_light(galaxies, rows, system, u[rows], v[rows])
    image = light[:, : size * size].reshape(count, size, size)
    core = light[:, size * size :].reshape(count, CORE, FINE, CORE, FINE).mean((2, 4))
    steps = torch.arange(CORE)
    rows_y = (corner[1][:, None] + steps)[:, :, None]
    rows_x = (corner[0][:, None] + steps)[:, None]
    image[torch.arange(count)[:, None, None], rows_y, rows_x] = core
    rows = torch.nonzero(galaxies["blob_flux"].sum(1) > 0)[:, 0]
    if len(rows):
        pixels = size * size
        more = _gaussians(
            galaxies, rows, u[rows, :pixels], v[rows, :pixels], 0.4 / view["scale"][rows]
        )
        image[rows] += more.reshape(-1, size, size)
    return image / view["scale"][:, None, None] ** 2


def sky_to_galaxy(x, y, view) -> tuple[torch.Tensor, torch.Tensor]:
    """Convert points on the sky (px) to the galaxy's frame, in its unit of length."""
    scale = 1 / view["scale"][:, None]
    dx, dy = (x - view["x"][:, None]) * scale, (y - view["y"][:, None]) * scale
    cosine, sine = torch.cos(view["turn"])[:, None], torch.sin(view["turn"])[:, None]
    return (dx * cosine + dy * sine) * view["hand"][:, None], dy * cosine - dx * sine


def system_light(galaxies, rows, system: int, u, v) -> torch.Tensor:
    """Surface brightness of one system (bulge and disc) of some galaxies at points (u, v)."""
    g = {name: galaxies[name][rows, system][:, None] for name in SYSTEM}
    u, v = (u - g["x"]) / g["size"], (v - g["y"]) / g["size"]
    cosine, sine = torch.cos(g["turn"]), torch.sin(g["turn"])
    u, v = u * cosine + v * sine, v * cosine - u * sine
    light = torch.zeros_like(u)
    shade = torch.ones_like(u)
    has_disc = g["bulge"][:, 0] < 1
    edge = g["cos_i"][:, 0] < INCLINED
    for some, layers in ((has_disc & edge, LAYERS), (has_disc & ~edge, 1)):
        if some.any():
            part = {name: value[some] for name, value in g.items()}
            maps = galaxies["map"][rows[some], system]
            disc, behind = disc_light(part, maps, u[some], v[some], layers)
            light[some] = (1 - part["bulge"]) * disc
            shade[some] = behind
    bulged = g["bulge"][:, 0] > 0
    if bulged.any():
        part = {name: value[bulged] for name, value in g.items()}
        bulge = bulge_light(part, u[bulged], v[bulged])
        light[bulged] += part["bulge"] * bulge * shade[bulged]
    return light * g["flux"] / g["size"] ** 2


def bulge_light(g: dict[str, torch.Tensor], u, v) -> torch.Tensor:
    """Sersic profile on generalised ellipses (Peng et al. 2010, eq. 1 and 10), unit flux."""
    turn = g["bulge_turn"]
    a = (u * torch.cos(turn) + v * torch.sin(turn)).abs()
    b = (v * torch.cos(turn) - u * torch.sin(turn)).abs() / g["q"]
    if ((g["boxiness"] - 2).abs() > 1e-3).any():
        power = g["boxiness"]
        ln_r = torch.log((a + 1e-6) ** power + (b + 1e-6) ** power) / power
    else:
        ln_r = 0.5 * torch.log(a**2 + b**2 + 1e-10)
    n = g["n"]
    k = sersic_b(n)
    total = 2 * math.pi * n * torch.exp(torch.lgamma(2 * n) - 2 * n * torch.log(k))
    total = total * g["q"] * g["r_e"] ** 2
    return torch.exp(-k * torch.exp((ln_r - torch.log(g["r_e"])) / n)) / total


def sersic_b(n: torch.Tensor) -> torch.Tensor:
    """b_n for which r_e encloses half the light (Ciotti & Bertin 1999, eq. 18; Prugniel 1997)."""
    large = 2 * n - 1 / 3 + 4 / (405 * n) + 46 / (25515 * n**2) + 131 / (1148175 * n**3)
    # Below 0.5 the series fails (MacArthur et al. 2003, eq. A2).
    small = 0.01945 - 0.8902 * n + 10.95 * n**2 - 19.67 * n**3 + 13.43 * n**4
    return torch.where(n < 0.4, small, large)


def disc_light(g, maps, u, v, layers: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Surface brightness (unit flux) of inclined discs, and transmission of their dust for a bulge.

    Parameters
    ----------
    g : dict of Tensor
        Shape (N, 1): `cos_i`, `thickness`, `dust`, `bend`, `warp`.
    maps : Tensor
        Shape (N, radii, angles).
    u, v : Tensor
        Shape (N, P): along the major and the minor axis.
    layers : int
        Number of thin discs that approximate the thick one.
    """
    v = v + g["bend"] * u**2 + g["warp"] * u * u.abs()
    u, v = u / SCALE, v / SCALE
    cos_i = g["cos_i"] if layers > 1 else torch.sqrt(g["cos_i"] ** 2 + 0.02)
    tan_i = torch.sqrt(1 - g["cos_i"] ** 2) / cos_i
    deprojected = v / cos_i
    # Optical depth where the line of sight crosses the dust.
    optical = g["dust"] / cos_i * torch.exp(-torch.sqrt(u**2 + deprojected**2) / 1.1)
    through = torch.exp(-optical)
    light = torch.zeros_like(u)
    for k in range(layers):
        height = 2 * (k + 0.5) / layers - 1
        z = g["thickness"] * math.atanh(height)
        behind = 1.0 if height > 1e-9 else (through if height < -1e-9 else (1 + through) / 2)
        light += thin_light(maps, u, deprojected + z * tan_i) * behind
    return light / (layers * cos_i * SCALE**2), (1 + through) / 2


def thin_light(maps: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Face-on brightness of a thin disc at points (N, P) in scale lengths, unit flux."""
    square = x**2 + y**2
    ln_r = 0.5 * torch.log(square + 1e-8)
    low, high = math.log(INNER), math.log(OUTER)
    row = (ln_r - low) * (2 / (high - low)) - 1
    # One column from the opposite end on either side makes the map wrap.
    turns = maps.shape[-1]
    maps = torch.cat([maps[..., -1:], maps, maps[..., :1]], -1)
    column = torch.atan2(y, x) * (turns / (2 * math.pi))
    column = torch.where(column < 0, column + turns, column)
    column = (column + 1) * (2 / (turns + 1)) - 1
    grid = torch.stack([column, row], -1)[:, None]
    relative = grid_sample(
        maps[:, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[:, 0, 0]
    return relative * torch.exp(-torch.sqrt(square))


def _gaussians(galaxies, rows, u, v, least) -> torch.Tensor:
    """Sum of the Gaussians of some galaxies, broadened by `least` so that pixels resolve them."""
    g = {k: galaxies[f"blob_{k}"][rows] for k in ("x", "y", "long", "short", "turn", "flux")}
    light = torch.zeros_like(u)
    for k in range(g["flux"].shape[1]):
        some = torch.nonzero(g["flux"][:, k] > 0)[:, 0]
        if not len(some):
            continue
        b = {name: value[some, k][:, None] for name, value in g.items()}
        long = torch.hypot(b["long"], least[some, None])
        short = torch.hypot(b["short"], least[some, None])
        dx, dy = u[some] - b["x"], v[some] - b["y"]
        cosine, sine = torch.cos(b["turn"]), torch.sin(b["turn"])
        a, c = (dx * cosine + dy * sine) / long, (dy * cosine - dx * sine) / short
        amplitude = b["flux"] / (2 * math.pi * long * short)
        light[some] += amplitude * torch.exp(-0.5 * (a**2 + c**2))
    return light
