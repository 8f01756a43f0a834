"""Strategies, one file each. Knows no network, data set or run."""
