"""Runtimes that execute exported files, one file each, and the predictor around them."""
