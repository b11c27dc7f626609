"""The kinds of simulated galaxies, the units they are drawn in, and the random numbers."""

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
