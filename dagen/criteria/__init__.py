"""Losses of labelled images, one file each (``--loss focal+dice``). Knows losses and types."""
