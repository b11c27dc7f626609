"""Encoding: polar images to the pooled features of a ConvNeXt."""

import queue
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate, pad

from morphovote import shards
from morphovote.errors import InputError
from morphovote.logs import progress

# Every batch has this many galaxies, the last padded: the kernels that the hardware picks depend
# on the batch's shape, so only a fixed one gives a galaxy the same bits in any company.
BATCH = 32
# Columns of the input after which a ConvNeXt sees the same picture again.
STRIDE = 32
# Batches read and prepared ahead of the network.
AHEAD = 4


def encode_shard(
    path: str | Path, model: nn.Module, card: dict, precision: str = "auto", rotations: int = 1
) -> np.ndarray:
    """Encode the polar images of a shard.

    Parameters
    ----------
    path : str or Path
        A shard with `image` (N, R, A) and `angle` (N,), NaN where a galaxy has no data.
    model : nn.Module
        A ConvNeXt with pooled features, as `encoder_files.load_encoder` gives it. Changed in
        place: wraps in angle from here on.
    card : dict
        `mean`, `std`, `channels`, `upsample`.
    precision : str
        'auto', 'float32' or 'bfloat16'.
    rotations : int
        Average over this many shifts of the image along the angle, and, if more than one, over
        the mirror of each as well.

    Returns
    -------
    ndarray of float32, shape (N, D)
        NaN for galaxies without data.

    Raises
    ------
    InputError
        If precision or rotations is not one that there is.
    """
    count = shards.count_rows(path)
    device = pick_device()
    dtype = choose_dtype(precision, device)
    encoder = prepare_model(model, device, dtype)
    result = np.full((count, model.num_features), np.nan, np.float32)

    def ready() -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        for batch in shards.iterate_batches(path, ["image", "angle"], BATCH):
            yield np.isfinite(batch["angle"]), prepare_input(batch["image"], card, dtype)

    start = 0
    for known, images in progress(
        prefetch(ready(), AHEAD), -(-count // BATCH), f"batches of {BATCH} galaxies"
    ):
        features = encode_batch(encoder, images.to(device), rotations)
        rows = slice(start, start + len(known))
        result[rows][known] = features[: len(known)].cpu().numpy()[known]
        start = rows.stop
    return result


def pick_device() -> torch.device:
    """The GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Number format of the network: bfloat16 where the hardware computes in it, under 'auto'.

    The same machine always gets the same answer, whatever else runs on it.

    Raises
    ------
    InputError
        If the precision is unknown.
    """
    if precision == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            able = torch.cpu.get_capabilities()
            fast = able.get("avx512_bf16", False) or able.get("amx_bf16", False)
        return torch.bfloat16 if fast else torch.float32
    if precision not in ("float32", "bfloat16"):
        raise InputError(
            f"config encoder.precision: found '{precision}', expected 'auto', 'float32' or "
            "'bfloat16'. Correct the config."
        )
    return getattr(torch, precision)


def prepare_model(model: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Make a network wrap in angle and put it where it will run, in evaluation mode.

    The head (pooling and norm) stays in float32: it costs nothing, and in bfloat16 would round
    the features themselves to three digits.
    """
    wrap_angle(model)
    model = model.eval().to(device, dtype, memory_format=torch.channels_last)
    model.head.float()
    return model


def prepare_input(images: np.ndarray, card: dict, dtype: torch.dtype) -> torch.Tensor:
    """Polar images (n, R, A) as a full batch of network input.

    Returns
    -------
    Tensor, shape (32, channels, upsample R, upsample A)
        Grey in every channel, with the network's own mean and standard deviation taken out.
    """
    grey = torch.zeros((BATCH, 1, *images.shape[1:]))
    grey[: len(images), 0] = torch.from_numpy(np.asarray(images, np.float32))
    if card["upsample"] > 1:
        factor = card["upsample"]
        wrapped = pad(pad(grey, (2, 2, 0, 0), mode="circular"), (0, 0, 2, 2), mode="replicate")
        large = interpolate(wrapped, scale_factor=factor, mode="bicubic", align_corners=False)
        grey = large[..., 2 * factor : -2 * factor, 2 * factor : -2 * factor].clamp(0, 1)
    mean, std = (torch.tensor(card[key])[:, None, None] for key in ("mean", "std"))
    return ((grey - mean) / std).to(dtype, memory_format=torch.channels_last)


@torch.inference_mode()
def encode_batch(model: nn.Module, images: torch.Tensor, rotations: int) -> torch.Tensor:
    """Features (B, D) float32 of one batch of input (B, C, H, W), averaged over rotations.

    The network gives the same features after a shift by its stride, so the shifts are spread
    evenly over one stride. The mirrored picture keeps column 0, the zero angle, in place.
    """
    if not 1 <= rotations <= STRIDE:
        raise InputError(
            f"config encoder.rotations: found {rotations}, expected 1 to {STRIDE}. "
            "Correct the config."
        )

    def features(view: torch.Tensor) -> torch.Tensor:
        return model.forward_head(model.forward_features(view).float())

    if rotations == 1:
        return features(images)
    total = 0.0
    for view in (images, images.flip(-1).roll(1, -1)):
        for k in range(rotations):
            total = total + features(view.roll(round(k * STRIDE / rotations), -1))
    return total / (2 * rotations)


class _WrappedConv(nn.Module):
    """A convolution that pads its width, the angle, with the columns of the other end."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        height, self.columns = conv.padding
        conv.padding = (height, 0)
        self.conv = conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = x.shape[-1]
        if self.columns > width:  # wraps more than once: a picture narrower than the kernel
            index = torch.arange(-self.columns, width + self.columns, device=x.device) % width
            return self.conv(x[..., index])
        # One copy and one convolution; torch's own circular mode is several times slower.
        return self.conv(torch.cat([x[..., -self.columns :], x, x[..., : self.columns]], -1))


def wrap_angle(module: nn.Module) -> None:
    """Give every convolution of a network that pads its width circular padding, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.padding[1] > 0:
            setattr(module, name, _WrappedConv(child))
        elif not isinstance(child, _WrappedConv):
            wrap_angle(child)


def prefetch(items: Iterable, ahead: int) -> Iterator:
    """Yield `items`, made in a background thread up to `ahead` of their use.

    An exception in the thread is raised here; leaving early ends the thread.
    """
    ready: queue.Queue = queue.Queue(ahead)
    stopped = threading.Event()
    end = object()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item, None)):
                    return
            put((end, None))
        except BaseException as error:
            put((end, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
