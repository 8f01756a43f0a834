"""Devices, processes, files and progress bars. Knows no image and no run."""
