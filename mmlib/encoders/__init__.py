"""Image encoders: float RGB images (B, 3, H, W) in [0, 1] -> features (B, feature_dim)."""

from mmlib.encoders.base import ImageEncoder, check_images, check_range
from mmlib.encoders.cnn import CNNConfig, CNNVisualEncoder
from mmlib.encoders.hybrid import HybridConfig, HybridVisualEncoder
from mmlib.encoders.vit import VisionTransformerEncoder, ViTConfig

__all__ = [
    "CNNConfig",
    "CNNVisualEncoder",
    "HybridConfig",
    "HybridVisualEncoder",
    "ImageEncoder",
    "ViTConfig",
    "VisionTransformerEncoder",
    "check_images",
    "check_range",
]
