"""From cutouts to embeddings in memory, on arrays: the first half of the chain.

What needs no more than embeddings imports this, and does not depend on the vote and the classes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from torch import nn

from morphovote.denoise import schemes as denoisers
from morphovote.encode.encoding import encode
from morphovote.encode.weights import load_encoder
from morphovote.polar import schemes as polar_pictures

# Arrays of the cutouts that the chain needs.
CUTOUT = ("image", "rms", "mask", "flags", "x", "y", "snr")
# Galaxies in memory at once in the denoiser and the encoder.
BATCH = 64


@dataclass(frozen=True)
class Embedder:
    """The loaded denoiser and encoder of a field.

    Attributes
    ----------
    steps : dict
        The scheme of each step, from the config: scaling, denoiser, polar, input; and the
        encoder's precision and rotations.
    threads : int
        Processors.
    denoiser : nn.Module
    encoder : (nn.Module, dict)
        The network and its card.
    """

    steps: dict
    threads: int
    denoiser: nn.Module
    encoder: tuple[nn.Module, dict]

    @classmethod
    def load(cls, files: dict[str, str | Path], steps: dict, threads: int = 1) -> Self:
        """Read the models.

        Parameters
        ----------
        files : dict of path
            denoiser, from the model folder; weights and card of the encoder.
        steps : dict
        threads : int

        Raises
        ------
        InputError
            If a file is missing, damaged, or does not belong to the others.
        """
        return cls(
            steps=steps,
            threads=threads,
            denoiser=denoisers.SCHEMES[steps["denoiser"]].load(files["denoiser"]),
            encoder=load_encoder(files["weights"], files["card"]),
        )

    def denoise(self, cutouts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Denoise cutouts, see `denoise.schemes.denoise`."""
        kind, scaling = self.steps["denoiser"], self.steps["scaling"]
        return denoisers.denoise(kind, self.denoiser, cutouts, scaling)

    def unwrap(
        self, denoised: dict[str, np.ndarray], cutouts: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Polar pictures of denoised cutouts, see `polar.schemes.unwrap`."""
        return polar_pictures.unwrap(self.steps["polar"], denoised, cutouts)

    def encode(self, polar: dict[str, np.ndarray]) -> np.ndarray:
        """Embeddings (N, D) of polar images, see `encoding.encode`."""
        precision, rotations = self.steps["precision"], self.steps["rotations"]
        scheme = self.steps["input"]
        return encode(polar, *self.encoder, precision, rotations, self.threads, scheme)

    def embed(self, cutouts: dict[str, np.ndarray]) -> np.ndarray:
        """Embeddings (N, D) of cutouts: denoised, unwrapped and encoded.

        Parameters
        ----------
        cutouts : dict of ndarray, shape (N, ...)
            image, rms, mask, flags, x, y.
        """
        return self.encode(self.unwrap(self.denoise(cutouts), cutouts))
