"""Adaptation strategies: one file each; see :mod:`dagen.methods.base`."""
