"""Segmentation networks: one file each; see :mod:`dagen.models.base`."""
