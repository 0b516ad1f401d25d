"""SSD300: the network of Liu et al., "SSD: Single Shot MultiBox Detector" (ECCV 2016).

It gives, for every prior, class logits (the background first) and the four deltas of a box. What
these mean is the business of `ssd_loss.py` while training and of `ssd_detect.py` in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from refdet.core.priors import SSD300_BCCD, SSDPriorSpec, ssd_priors
from refdet.torch_ops.boxes import cxcywh_to_xyxy

IMAGE_SIZE = 300
SSD_CODEC_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""SSD's variances (0.1, 0.1, 0.2, 0.2) as the codec's weights."""


class SSDOutput(NamedTuple):
    """What the network says of B images at P priors.

    Attributes:
        class_logits: (B, P, 1 + C); column 0 is the background.
        deltas: (B, P, 4), boxes encoded against the priors.
    """

    class_logits: Tensor
    deltas: Tensor


class SSD300(nn.Module):
    """VGG-16 without its classifier, six feature maps, and two 3x3 convolutions on each.

    With `width=1` and `batch_norm=False` this is the published network, with the same parameters
    in the same order as torchvision's `ssd300_vgg16`. Narrow and with BatchNorm it trains from
    random weights on a CPU.

    Args:
        n_classes: C, without the background.
        width: share of the published network's channels, above 0.
        batch_norm: BatchNorm after every convolution up to conv7. The extra layers have none,
            since their maps shrink to a single cell.
        prior_spec: which priors the six maps carry.
    """

    priors_cxcywh: Tensor
    priors_xyxy: Tensor

    def __init__(
        self,
        n_classes: int,
        *,
        width: float = 1.0,
        batch_norm: bool = False,
        prior_spec: SSDPriorSpec = SSD300_BCCD,
    ) -> None:
        super().__init__()
        if n_classes < 1:
            raise ValueError(f"n_classes must be at least 1, got {n_classes}")
        if not 0 < width <= 4:
            raise ValueError(f"width must be in (0, 4], got {width}")
        self.n_classes = n_classes

        def scaled(channels: int) -> int:
            return max(8, round(channels * width))

        c64, c128, c256, c512, c1024 = (scaled(c) for c in (64, 128, 256, 512, 1024))
        map_channels = (c512, c1024, c512, c256, c256, c256)

        # Published as 20 for every channel: conv4_3's features are larger than later layers'.
        self.conv4_3_scale = nn.Parameter(torch.full((c512,), 20.0))
        self.to_conv4_3 = nn.Sequential(
            *_convolutions(3, [c64, c64], batch_norm),
            nn.MaxPool2d(2),  # 300 -> 150
            *_convolutions(c64, [c128, c128], batch_norm),
            nn.MaxPool2d(2),  # -> 75
            *_convolutions(c128, [c256, c256, c256], batch_norm),
            nn.MaxPool2d(2, ceil_mode=True),  # -> 38, where rounding down would give 37
            *_convolutions(c256, [c512, c512, c512], batch_norm),
        )
        self.to_conv7 = nn.Sequential(
            nn.MaxPool2d(2),  # 38 -> 19
            *_convolutions(c512, [c512, c512, c512], batch_norm),
            nn.MaxPool2d(3, stride=1, padding=1),  # stays 19
            *_convolutions(c512, [c1024], batch_norm, padding=6, dilation=6),
            *_convolutions(c1024, [c1024], batch_norm, kernel_size=1, padding=0),
        )
        self.extras = nn.ModuleList(
            [
                _extra(c1024, c256, c512, stride=2, padding=1),  # 19 -> 10
                _extra(c512, c128, c256, stride=2, padding=1),  # -> 5
                _extra(c256, c128, c256, stride=1, padding=0),  # -> 3
                _extra(c256, c128, c256, stride=1, padding=0),  # -> 1
            ]
        )
        boxes_per_cell = prior_spec.boxes_per_cell
        self.class_heads = _heads(map_channels, [n * (1 + n_classes) for n in boxes_per_cell])
        self.box_heads = _heads(map_channels, [n * 4 for n in boxes_per_cell])

        priors = torch.from_numpy(ssd_priors(prior_spec)).float()  # (P, 4)
        self.register_buffer("priors_cxcywh", priors, persistent=False)
        self.register_buffer("priors_xyxy", cxcywh_to_xyxy(priors), persistent=False)
        self._initialise()
        self._assert_heads_fit_priors()

    def forward(self, images: Tensor) -> SSDOutput:
        """Logits and deltas at every prior for `images` (B, 3, 300, 300), ImageNet-normalised."""
        if images.ndim != 4 or images.shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(f"images must be (B, 3, 300, 300), got {tuple(images.shape)}")
        conv4_3 = self.to_conv4_3(images)
        features = self.to_conv7(conv4_3)
        maps = [self.conv4_3_scale[:, None, None] * F.normalize(conv4_3, dim=1), features]
        for extra in self.extras:
            features = extra(features)
            maps.append(features)
        return SSDOutput(
            class_logits=_rows_per_prior(self.class_heads, maps, 1 + self.n_classes),
            deltas=_rows_per_prior(self.box_heads, maps, 4),
        )

    def _initialise(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                if name.startswith(("to_conv4_3", "to_conv7")):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                elif name.startswith(("class_heads", "box_heads")):
                    # Small, so that every prior starts out undecided: conv4_3's scaled features
                    # are large, and with Xavier's weights the first epoch's loss was 17, not 8.
                    nn.init.normal_(module.weight, std=0.01)
                else:
                    nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    @torch.no_grad()
    def _assert_heads_fit_priors(self) -> None:
        training = self.training
        self.eval()  # BatchNorm must not learn from an empty image
        n_boxes = self(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE)).deltas.shape[1]
        self.train(training)
        n_priors = len(self.priors_cxcywh)
        if n_boxes != n_priors:
            raise ValueError(f"the heads give {n_boxes} boxes, the priors are {n_priors}")


def _convolutions(
    in_channels: int,
    out_channels: Sequence[int],
    batch_norm: bool,
    kernel_size: int = 3,
    padding: int = 1,
    dilation: int = 1,
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise([in_channels, *out_channels]):
        # A bias before BatchNorm would be subtracted again.
        convolution = nn.Conv2d(
            before, after, kernel_size, padding=padding, dilation=dilation, bias=not batch_norm
        )
        norm = [nn.BatchNorm2d(after)] if batch_norm else []
        layers += [convolution, *norm, nn.ReLU(inplace=True)]
    return layers


def _extra(
    in_channels: int, middle: int, out_channels: int, stride: int, padding: int
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, middle, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(middle, out_channels, 3, stride=stride, padding=padding),
        nn.ReLU(inplace=True),
    )


def _heads(in_channels: Sequence[int], out_channels: Sequence[int]) -> nn.ModuleList:
    pairs = zip(in_channels, out_channels, strict=True)
    return nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in pairs)


def _rows_per_prior(heads: nn.ModuleList, maps: Sequence[Tensor], columns: int) -> Tensor:
    """Each head on its map, as (B, P, columns) in the priors' order: map, row, cell, shape."""
    rows = [
        head(features).permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, columns))
        for head, features in zip(heads, maps, strict=True)
    ]
    return torch.cat(rows, dim=1)
