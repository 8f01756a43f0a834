"""Segments videos, cameras and streams: one thread decodes, one computes, one writes."""
