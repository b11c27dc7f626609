"""The kinds of simulated galaxies, their units, and the random numbers."""

import math
from typing import NamedTuple

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
# Size of a disc's map, ln radius (in scale lengths) by angle, and its limits in radius.
RADII, TURNS = 72, 144
INNER, OUTER = 0.03, 12.0
# Maximum number of Gaussians in one image.
BLOBS = 36


class Population(NamedTuple):
    """What galaxies are drawn; by default those on which the encoder was trained.

    Attributes
    ----------
    shares : tuple of float
        Of each of `KINDS`.
    clumpy : float
        Share of the discs with arms or edge-on that have clumps.
    clumps : (float, float)
        Least and largest share of such a disc's light in its clumps.
    lopsided : float
        Factor on how lopsided discs are.
    """

    shares: tuple[float, ...] = SHARES
    clumpy: float = 0.2
    clumps: tuple[float, float] = (0.02, 0.25)
    lopsided: float = 1.0


TRAINING = Population()


class Draw:
    """Random numbers from one generator, `count` at a time."""

    def __init__(self, seed: int, count: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.count = count

    def uniform(self, low=0.0, high=1.0, *more: int) -> torch.Tensor:
        """Uniform between `low` and `high`, shape ``(count, *more)``."""
        return low + (high - low) * torch.rand((self.count, *more), generator=self.generator)

    def log(self, low: float, high: float, *more: int) -> torch.Tensor:
        """Log-uniform between `low` and `high`, shape ``(count, *more)``."""
        return torch.exp(self.uniform(math.log(low), math.log(high), *more))

    def normal(self, *more: int) -> torch.Tensor:
        """Standard normal, shape ``(count, *more)``."""
        return torch.randn((self.count, *more), generator=self.generator)

    def chance(self, share) -> torch.Tensor:
        """True with probability `share`, shape (count,)."""
        return self.uniform() < share

    def choice(self, weights) -> torch.Tensor:
        """Random index with these weights, shape (count,)."""
        weights = torch.tensor(weights, dtype=torch.float32)
        return torch.multinomial(weights, self.count, True, generator=self.generator)

    def integers(self, low: int, high: int) -> torch.Tensor:
        """Integers from `low` to `high` - 1, shape (count,)."""
        return torch.randint(low, high, (self.count,), generator=self.generator)
