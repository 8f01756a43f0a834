"""Data sets: one file each; see :mod:`dagen.datasets.base`."""
