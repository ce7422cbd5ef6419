"""Augmentation of pictures, batched on the device."""

from mmlib.augment.image import AugmentConfig, IconAugmentation, augment_icons

__all__ = ["AugmentConfig", "IconAugmentation", "augment_icons"]
