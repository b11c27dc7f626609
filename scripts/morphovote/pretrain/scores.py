"""Scores of the encoder in training on simulated galaxies that it never sees."""

import torch
from torch.nn.functional import normalize

from morphovote.pretrain.learner import Learner
from morphovote.pretrain.losses import ARMS, VALUES


@torch.no_grad()
def score(learner: Learner, batch, scales, dtype: torch.dtype) -> dict[str, float]:
    """Scores on held-out galaxies: accuracy of the predictions, and richness of the features."""
    learner.eval()
    device = next(learner.parameters()).device
    images = batch["image"].transpose(0, 1).flatten(0, 1)
    parts = []
    for some in images.split(256):
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            parts.append(learner.features(some.to(device).float() / 255).float())
    features = torch.cat(parts)
    kind = batch["kind"].repeat(2).to(device)
    right = (learner.kind(features).argmax(1) == kind).float()
    result = {"kind_accuracy": _mean([right[kind == k].mean() for k in kind.unique()])}
    arms = batch["arms"].repeat(2).to(device)
    right = (learner.arms(features).argmax(1) == arms).float()
    result["arms_accuracy"] = _mean([right[arms == k].mean() for k in range(ARMS)])
    given = learner.values(features)
    wanted = batch["values"].repeat(2, 1).to(device)
    for k, name in enumerate(VALUES):
        told = torch.isfinite(wanted[:, k])
        pair = torch.stack([given[told, k], wanted[told, k]])
        result[f"r_{name}"] = round(float(torch.corrcoef(pair)[0, 1]), 4)
    middle, spread = scales["code"]
    wanted = ((batch["code"].to(device) - middle) / spread).transpose(0, 1).flatten(0, 1)
    missed = (learner.code(features) - wanted).square().mean(0) / wanted.var(0)
    result["r2_code"] = _mean(list((1 - missed).clamp(min=-1)))
    direction = normalize(features - features.mean(0), dim=1)
    first, second = direction.chunk(2)
    nearest = (first @ second.T).argmax(1)
    result["pairs_found"] = _mean(
        [(nearest == torch.arange(len(first), device=device)).float().mean()]
    )
    power = torch.linalg.svdvals(features - features.mean(0)).square()
    share = (power / power.sum()).cumsum(0)
    result["components_95"] = int((share < 0.95).sum()) + 1
    return result


def _mean(values: list) -> float:
    values = torch.stack([torch.as_tensor(v).float().cpu() for v in values])
    return round(float(values[torch.isfinite(values)].mean()), 4)
