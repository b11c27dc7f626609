"""Targets and losses of the encoder's training.

The network learns to predict the simulation's true parameters, without human labels; to see through
noise, by predicting the angular Fourier code of the noiseless light; and to give the same features
for two views of a galaxy (contrastive loss NT-Xent of Chen et al. 2020, eq. 1). The last two need
no truth, so real galaxies teach them, too. A mild penalty on correlated features (Bardes et al.
2022, eq. 4) keeps the features from collapsing to a few dimensions.
"""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize, smooth_l1_loss

from morphovote.simulate.layered.kinds import (
    EDGE_ON,
    IRREGULAR,
    RING,
    SMOOTH,
    SPHEROID,
    SPIRAL,
)

ARMS = 6  # classes: no arms, or 1 to 5
# Weights of the parts of the loss.
WEIGHTS = {
    "kind": 1.0, "arms": 0.4, "values": 1.0, "code": 1.0, "pairs": 0.25, "sky_pairs": 1.0,
    "spread": 0.3,
}  # fmt: skip
# Kind of a galaxy of which none is known.
UNKNOWN = -1
TEMPERATURE = 0.2

DISCS, SPIRALS = (SMOOTH, SPIRAL, RING), (SPIRAL, RING)
# Regressed truths: how each is compressed, and for which kinds it is defined (None: all).
VALUES = {
    "contrast": (lambda v: np.log1p(v), DISCS),
    "pitch": (lambda v: v, SPIRALS),
    "bar": (lambda v: np.log1p(v / 0.05), DISCS),
    "ring": (lambda v: np.log1p(v), DISCS),
    "flocculence": (lambda v: v, (*DISCS, IRREGULAR)),
    "clumpiness": (lambda v: np.log1p(v / 0.05), (*DISCS, EDGE_ON, IRREGULAR)),
    "tails": (lambda v: np.log1p(v / 0.05), None),
    "companion": (lambda v: np.log1p(v / 0.1), None),
    "bulge": (lambda v: np.sqrt(v), (*DISCS, EDGE_ON, IRREGULAR)),
    "n": (lambda v: np.log(v), (SPHEROID,)),
    "q": (lambda v: v, (SPHEROID,)),
    "cos_i": (lambda v: v, (*DISCS, EDGE_ON, IRREGULAR)),
    "dust": (lambda v: np.sqrt(v), (EDGE_ON,)),
}


def prepare(drawn: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Targets of a simulated batch.

    Parameters
    ----------
    drawn : dict of ndarray
        From `views.draw_views`, for N galaxies.

    Returns
    -------
    dict of Tensor
        `image` (N, 2, 64, 96) uint8, `code` (N, 2, 56), `kind` (N,), `arms` (N,), -1 where
        undefined, `values` (N, V), NaN where undefined.
    """
    kind = drawn["kind"]
    values = np.full((len(kind), len(VALUES)), np.nan, np.float32)
    for k, (name, (compress, kinds)) in enumerate(VALUES.items()):
        value = compress(drawn[name].astype(np.float32))
        told = np.ones(len(kind), bool) if kinds is None else np.isin(kind, kinds)
        if name == "pitch":
            told &= drawn["contrast"] > 0.3
        values[told, k] = value[told]
    arms = np.where(np.isin(kind, DISCS), drawn["arms"], -1)
    return {
        "image": torch.from_numpy(drawn["image"]),
        "code": torch.from_numpy(np.nan_to_num(drawn["code"])),
        "kind": torch.from_numpy(kind),
        "arms": torch.from_numpy(arms),
        "values": torch.from_numpy(values),
    }


def prepare_sky(drawn: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The same for pairs of views of N real galaxies: `image` and `code`, and no other target."""
    count = len(drawn["image"])
    unknown = torch.full((count,), UNKNOWN)
    return {
        "image": torch.from_numpy(drawn["image"]),
        "code": torch.from_numpy(np.nan_to_num(drawn["code"])),
        "kind": unknown,
        "arms": unknown,
        "values": torch.full((count, len(VALUES)), torch.nan),
    }


def target_scales(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Mean and standard deviation of the regressed targets, from a prepared batch."""
    values, code = batch["values"], batch["code"].flatten(0, 1)
    middle = values.nanmean(0)
    spread = (values - middle).square().nanmean(0).sqrt()
    return {
        "values": torch.stack([middle, spread.clamp(min=1e-3)]),
        "code": torch.stack([code.mean(0), code.std(0).clamp(min=1e-3)]),
    }


def losses(
    heads: nn.Module,
    batch: dict[str, torch.Tensor],
    scales: dict[str, torch.Tensor],
    features: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """Parts of the loss, for features (2 N, D) of all first views and then all second views."""
    parts = {}
    kind, arms = batch["kind"].repeat(2), batch["arms"].repeat(2)
    parts["kind"] = cross_entropy(
        heads.kind(features), kind, label_smoothing=0.05, ignore_index=UNKNOWN
    )
    parts["arms"] = cross_entropy(heads.arms(features), arms, ignore_index=-1)
    middle, spread = scales["values"]
    wanted = ((batch["values"] - middle) / spread).repeat(2, 1)
    told = torch.isfinite(wanted)
    given = torch.where(told, heads.values(features), 0.0)
    miss = smooth_l1_loss(given, wanted.nan_to_num(0.0), reduction="none")
    parts["values"] = miss.sum() / told.sum().clamp(min=1)
    middle, spread = scales["code"]
    wanted = ((batch["code"] - middle) / spread).transpose(0, 1).flatten(0, 1).clamp(-5, 5)
    parts["code"] = smooth_l1_loss(heads.code(features), wanted)
    projected = heads.project(features)
    # Real galaxies among themselves: told from simulated ones they would be by what is unreal.
    real = kind == UNKNOWN
    parts["pairs"] = pair_loss(projected[~real])
    if real.any():
        parts["sky_pairs"] = pair_loss(projected[real])
    parts["spread"] = correlation_loss(features)
    return parts


def pair_loss(projected: torch.Tensor) -> torch.Tensor:
    """NT-Xent (Chen et al. 2020, eq. 1) of (2 N, P); rows i and i + N are the same galaxy."""
    direction = normalize(projected.float(), dim=1)
    likeness = direction @ direction.T / TEMPERATURE
    likeness = likeness.masked_fill(torch.eye(len(likeness), dtype=bool, device=likeness.device),
                                    -torch.inf)  # fmt: skip
    half = len(likeness) // 2
    other = torch.arange(2 * half, device=likeness.device).roll(half)
    return cross_entropy(likeness, other)


def correlation_loss(features: torch.Tensor) -> torch.Tensor:
    """Sum of squared correlations between features (N, D), over 32 D; 0 if they are independent."""
    features = features.float()
    centred = features - features.mean(0)
    centred = centred / centred.std(0).clamp(min=1e-4)
    correlation = centred.T @ centred / (len(features) - 1)
    width = len(correlation)
    return (correlation.square().sum() - correlation.diagonal().square().sum()) / width / 32
