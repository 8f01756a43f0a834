"""This machine and its disk. Knows no image and no run."""
