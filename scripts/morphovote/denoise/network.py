"""The denoising autoencoder: the network and the file of its weights."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.nn import functional

from morphovote.errors import InputError
from morphovote.storage.files import write_tensors

# Standard deviations (px) of the Gaussian filters that the network mixes; 0 is no filter.
SIGMAS = (0.0, 0.5, 0.8, 1.2, 1.8, 2.7, 4.5, 7.0)
# Channels at full, half and quarter resolution; the code, at one eighth, has `latent`.
WIDTHS = (16, 24, 32)
# Side (px) of the area that one position of the code covers; sides are padded to a multiple.
STRIDE = 8


class Denoiser(nn.Module):
    """A convolutional autoencoder that mixes Gaussian filters and adds a correction.

    Each pixel of the output is a weighted mean of zero and of the input smoothed by each of
    `SIGMAS`, plus a correction. The decoder gives the weights (softmax) for each pixel.

    Parameters
    ----------
    latent : int
        Channels of the innermost code, at one eighth of the resolution.
    """

    def __init__(self, latent: int = 40):
        super().__init__()
        self.latent = latent
        full, half, quarter = WIDTHS
        # Smoothing by sigma reduces white noise to about 1 / (2 sqrt(pi) sigma).
        gains = torch.tensor([max(1.0, 3.5 * sigma) ** 0.5 for sigma in SIGMAS])
        self.register_buffer("gains", gains[None, :, None, None], persistent=False)
        self.enter = _convolutions(len(SIGMAS) + 1, full, 1)
        self.down1 = _convolutions(full, half, 2)
        self.down2 = _convolutions(half, quarter, 2)
        self.code = _convolutions(quarter, latent, 2)
        self.up2 = _convolutions(latent + quarter, quarter, 1)
        self.up1 = _convolutions(quarter + half, half, 1)
        self.leave = _convolutions(half + full, full, 1)
        self.answer = nn.Conv2d(full, len(SIGMAS) + 2, 1)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(self, image: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Denoise images.

        Parameters
        ----------
        image : Tensor
            Shape (N, 1, H, W), in units of the typical noise of each image. The network does not
            see the rms map: if it includes the sources' Poisson noise, it shows the galaxy, and
            a simulated map even shows the noiseless galaxy.
        place : Tensor
            Shape (N, 1, H, W), from `centre_distance`: where in the cutout a pixel is. A faint
            bump at the centre is a galaxy, because the catalogue lists one; elsewhere it is noise.

        Returns
        -------
        Tensor
            Shape (N, 1, H, W), float32, in the same units.
        """
        height, width = image.shape[-2:]
        margin = (0, -width % STRIDE, 0, -height % STRIDE)
        image, place = (functional.pad(x, margin, mode="replicate") for x in (image, place))
        return self.decide(*self.look(image, place))[..., :height, :width]

    def look(self, image: torch.Tensor, place: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Filter images, and scale the result as input of the autoencoder.

        The result for a rotated or mirrored image is rotated or mirrored in the same way.

        Parameters
        ----------
        image, place : Tensor
            As in `forward`, of any size.

        Returns
        -------
        bank : Tensor, shape (N, len(SIGMAS), H, W)
            The smoothed images.
        features : Tensor, shape (N, len(SIGMAS) + 1, H, W)
        """
        bank = smooth(image)
        near = torch.exp(-place / 12).expand_as(image)
        return bank, torch.cat([_asinh(bank * self.gains), near], 1)

    def decide(self, bank: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Mix the smoothed images to (N, 1, H, W); H and W are multiples of `STRIDE`."""
        pooled = functional.avg_pool2d
        full = self.enter(features.contiguous(memory_format=torch.channels_last))
        half = self.down1(pooled(full, 2))
        quarter = self.down2(pooled(half, 2))
        code = self.code(pooled(quarter, 2))
        quarter = self.up2(torch.cat([_enlarge(code), quarter], 1))
        half = self.up1(torch.cat([_enlarge(quarter), half], 1))
        answer = self.answer(self.leave(torch.cat([_enlarge(half), full], 1))).float()
        weights = torch.softmax(answer[:, :-1], 1)
        mixed = (weights[:, :-1] * bank).sum(1, keepdim=True)
        # The correction may grow like the photon noise of the local light, not like the light.
        size = (1 + bank[:, 3:4] ** 2) ** 0.25
        return mixed + answer[:, -1:] * size


def smooth(image: torch.Tensor) -> torch.Tensor:
    """Images (N, 1, H, W), smoothed by each of `SIGMAS`: (N, len(SIGMAS), H, W)."""
    down, right = (_filters(size) for size in image.shape[-2:])
    return torch.cat([image, down @ (image @ right.mT)], 1)


@lru_cache(maxsize=8)
def _filters(size: int) -> torch.Tensor:
    """Gaussian filters of a line of pixels whose ends repeat, (len(SIGMAS) - 1, size, size).

    As matrices: multiplying by them is several times faster than a convolution.
    """
    result = torch.zeros(len(SIGMAS) - 1, size, size)
    pixels = torch.arange(size)
    for matrix, sigma in zip(result, SIGMAS[1:], strict=True):
        reach = int(3.5 * sigma + 1)
        offsets = torch.arange(-reach, reach + 1)
        kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
        columns = (pixels[:, None] + offsets).clamp(0, size - 1)
        matrix.scatter_add_(1, columns, (kernel / kernel.sum()).expand(size, -1))
    return result


def centre_distance(height: int, width: int) -> torch.Tensor:
    """Distance (px) of each pixel from the centre of a cutout, shape (height, width)."""
    y, x = (torch.arange(size, dtype=torch.float32) - (size - 1) / 2 for size in (height, width))
    return torch.hypot(y[:, None], x[None, :])


def _convolutions(inside: int, outside: int, depth: int) -> nn.Sequential:
    layers = []
    for i in range(depth):
        layers += [nn.Conv2d(outside if i else inside, outside, 3, padding=1), nn.SiLU()]
    return nn.Sequential(*layers)


def _asinh(x: torch.Tensor) -> torch.Tensor:
    # torch.asinh takes twice as long.
    return torch.copysign(torch.log(x.abs() + torch.sqrt(x * x + 1)), x)


def _enlarge(image: torch.Tensor) -> torch.Tensor:
    # Bilinear: nearest-neighbour and transposed convolutions leave a checkerboard pattern.
    return functional.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)


def save_denoiser(path: str | Path, model: Denoiser, covariance: np.ndarray) -> None:
    """Write a denoiser as safetensors, whole or not at all.

    The header holds, as text, `latent`, `sigmas` and `noise_covariance`: the covariances at lags
    from 0 along x.
    """
    middle = len(covariance) // 2
    metadata = {
        "format": "morphovote denoiser 1",
        "latent": str(model.latent),
        "sigmas": " ".join(map(str, SIGMAS)),
        "noise_covariance": " ".join(f"{c:.5f}" for c in covariance[middle, middle:]),
    }
    write_tensors(path, model.state_dict(), metadata)


def load_denoiser(path: str | Path) -> Denoiser:
    """Read a denoiser.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not a denoiser of this version.
    """
    advice = "Train it again, or give a `model` folder with an intact one."
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error}). {advice}") from error
    kind, latent = metadata.get("format"), metadata.get("latent", "")
    if kind != "morphovote denoiser 1" or not latent.isdecimal() or not int(latent):
        raise InputError(
            f"{path}: not a denoiser: header field 'format' is {kind!r} and 'latent' {latent!r}, "
            f"expected 'morphovote denoiser 1' and a positive number. {advice}"
        )
    model = Denoiser(int(latent))
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{path}: its arrays do not fit a denoiser of latent {latent}. {advice}"
        ) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise InputError(f"{path}: its weights are not all finite numbers. {advice}")
    return model.to(memory_format=torch.channels_last).eval()
