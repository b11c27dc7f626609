"""The network that learns: a ConvNeXt, and the heads that predict the targets of its training."""

import copy

import timm
import torch
from torch import nn

from morphovote.encode.encoding import structure_planes, wrap_angle
from morphovote.pretrain.losses import ARMS, VALUES
from morphovote.pretrain.views import HARMONICS, RINGS
from morphovote.simulate.layered.kinds import KINDS

DROP_PATH = 0.05


class Learner(nn.Module):
    """A ConvNeXt that wraps in angle, and the heads that predict the targets."""

    def __init__(self, name: str):
        super().__init__()
        # With timm's initial scale of 1e-6, the blocks would need longer than this training.
        self.backbone = timm.create_model(
            name, num_classes=0, drop_path_rate=DROP_PATH, ls_init_value=0.1
        )
        wrap_angle(self.backbone)
        width = self.backbone.num_features
        self.kind = nn.Linear(width, len(KINDS))
        self.arms = nn.Linear(width, ARMS)
        self.values = nn.Linear(width, len(VALUES))
        self.code = nn.Linear(width, HARMONICS * RINGS)
        self.project = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 128))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features (N, D) of grey images (N, 64, 96) in [0, 1]."""
        planes = (structure_planes(images[:, None]) - 0.5) / 0.5
        return self.backbone(planes.contiguous(memory_format=torch.channels_last))


def start_from(learner: Learner, encoder: nn.Module) -> None:
    """Give the learner the weights of a finished encoder; the heads stay as they are."""
    own = learner.backbone.state_dict()
    given = encoder.state_dict()
    learner.backbone.load_state_dict(
        {key: given[key.replace(".conv_dw.conv.", ".conv_dw.")].float() for key in own}
    )


def halfway(start: nn.Module, end: nn.Module) -> nn.Module:
    """The encoder whose weights are the means of those of two (Wortsman et al. 2022, eq. 1).

    A training that goes on from a finished encoder forgets some of what that knew. Halfway between
    the two both are kept, as long as the way is short enough for the loss to have no ridge on it.
    """
    own, other = start.state_dict(), end.state_dict()
    mean = copy.deepcopy(end)
    mean.load_state_dict({key: 0.5 * (own[key].float() + other[key]) for key in other})
    return mean


def bare_encoder(learner: Learner, name: str) -> nn.Module:
    """The ConvNeXt alone, as timm makes it, without heads and circular padding."""
    model = timm.create_model(name, num_classes=0)
    state = {
        key.replace(".conv_dw.conv.", ".conv_dw."): value.detach().float().cpu()
        for key, value in learner.backbone.state_dict().items()
    }
    model.load_state_dict(state)
    return model.eval()
