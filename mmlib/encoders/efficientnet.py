"""EfficientNet-Lite0: a network for ImageNet that is small enough for a CPU.

EfficientNet (Tan & Le 2019) stacks inverted residual blocks (Sandler et al. 2018); its Lite form
leaves out squeeze-and-excite and bounds every activation with ReLU6, for phones.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mmlib.encoders.base import ConvParts

CLASSES = 1000
STEM_WIDTH, HEAD_WIDTH = 32, 1280
# Every stage halves the map once. A row: kernel, stride, expansion, channels, number of blocks.
STAGES = (
    ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2)),
    ((5, 2, 6, 40, 2),),
    ((3, 2, 6, 80, 3), (5, 1, 6, 112, 3)),
    ((5, 2, 6, 192, 4), (3, 1, 6, 320, 1)),
)
EPS = 1e-3  # of BatchNorm, as the weights were trained with


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow pads: (B, C_in, H, W) -> (B, C_out, ceil(H/s), ceil(W/s)).

    Just enough zeros for that size, and the odd one goes to the right and below, so that on even
    sizes a strided kernel sits half a stride off PyTorch's. Weights from TensorFlow need this.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Pad, then convolve."""
        padding: list[int] = []
        for side, kernel, stride in zip(
            reversed(x.shape[-2:]), reversed(self.kernel_size), reversed(self.stride), strict=True
        ):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(F.pad(x, padding))


def conv_norm(
    in_width: int, width: int, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True
) -> nn.Sequential:
    """Convolution, BatchNorm and, unless `act` is False, ReLU6."""
    conv: nn.Conv2d
    if stride == 1:  # symmetric: both ways of padding agree
        conv = nn.Conv2d(in_width, width, kernel, 1, kernel // 2, groups=groups, bias=False)
    else:
        conv = SameConv2d(in_width, width, kernel, stride, groups=groups, bias=False)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(width, eps=EPS)]
    return nn.Sequential(*layers, *([nn.ReLU6()] if act else []))


class InvertedResidual(nn.Module):
    """Widen, filter each channel alone, narrow: (B, C_in, H, W) -> (B, C_out, H/stride, W/stride).

    The narrow ends carry the shortcut, where shape allows one, and no activation.
    """

    def __init__(self, in_width: int, width: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = in_width * expand
        self.expand: nn.Module = conv_norm(in_width, inner) if expand != 1 else nn.Identity()
        self.depthwise = conv_norm(inner, inner, kernel, stride, groups=inner)
        self.project = conv_norm(inner, width, act=False)
        self.shortcut = stride == 1 and in_width == width

    def forward(self, x: Tensor) -> Tensor:
        """Residual, plus the input where there is a shortcut."""
        residual = self.project(self.depthwise(self.expand(x)))
        return x + residual if self.shortcut else residual


def efficientnet_lite0() -> ConvParts:
    """Stem (to H/2), four stages (to H/4 ... H/32) and classifier (1280 -> 1000).

    The 1x1 convolution to 1280 channels is the end of the last stage.
    """
    stages: list[nn.Sequential] = []
    width = STEM_WIDTH
    for rows in STAGES:
        blocks: list[nn.Module] = []
        for kernel, stride, expand, out_width, count in rows:
            for index in range(count):
                step = stride if index == 0 else 1
                blocks.append(InvertedResidual(width, out_width, kernel, step, expand))
                width = out_width
        stages.append(nn.Sequential(*blocks))
    stages[-1].append(conv_norm(width, HEAD_WIDTH))
    stem = conv_norm(3, STEM_WIDTH, kernel=3, stride=2)
    return ConvParts(stem, nn.ModuleList(stages), nn.Linear(HEAD_WIDTH, CLASSES))
