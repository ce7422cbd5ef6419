"""Image encoders: float RGB images (B, 3, H, W) in [0, 1] -> features (B, feature_dim)."""

from mmlib.encoders.backbones import BackboneConfig, imagenet_logits, imagenet_names
from mmlib.encoders.base import ImageEncoder, check_images, check_range
from mmlib.encoders.cnn import CNNConfig, CNNVisualEncoder
from mmlib.encoders.compare import VisualEncoderComparison
from mmlib.encoders.hybrid import HybridConfig, HybridVisualEncoder
from mmlib.encoders.measured import EncoderMeasurement, MeasuredRecommendation, Requirements
from mmlib.encoders.multiscale import (
    ChannelAttention,
    FeaturePyramidNetwork,
    LevelFusion,
    MultiScaleAttention,
    MultiScaleConfig,
    MultiScaleVisualEncoder,
    ScaleAttention,
    SpatialAttention,
)
from mmlib.encoders.vit import VisionTransformerEncoder, ViTConfig

__all__ = [
    "BackboneConfig",
    "CNNConfig",
    "CNNVisualEncoder",
    "ChannelAttention",
    "EncoderMeasurement",
    "FeaturePyramidNetwork",
    "HybridConfig",
    "HybridVisualEncoder",
    "ImageEncoder",
    "LevelFusion",
    "MeasuredRecommendation",
    "MultiScaleAttention",
    "MultiScaleConfig",
    "MultiScaleVisualEncoder",
    "Requirements",
    "ScaleAttention",
    "SpatialAttention",
    "ViTConfig",
    "VisionTransformerEncoder",
    "VisualEncoderComparison",
    "check_images",
    "check_range",
    "imagenet_logits",
    "imagenet_names",
]
