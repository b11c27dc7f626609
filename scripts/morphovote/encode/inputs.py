"""Network input as published."""

import numpy as np
import torch
from torch.nn.functional import interpolate

INPUT_SIDE = 224


def network_input(images: np.ndarray, channels: int) -> torch.Tensor:
    """Resize polar images (n, 125, 200) to network input (n, channels, 224, 224) in [0, 1]."""
    grey = torch.from_numpy(np.asarray(images, np.float32))[:, None]
    side = (INPUT_SIDE, INPUT_SIDE)
    grey = interpolate(grey, side, mode="bilinear", align_corners=False, antialias=True)
    return grey.clamp(0, 1).expand(-1, channels, -1, -1)
