"""The processor on which a network runs, and its number format."""

import torch

from morphovote.errors import InputError


def pick_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Number format of the network; 'auto' is bfloat16 where the hardware computes in it.

    The choice depends on the machine only, not on what else runs on it.

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
