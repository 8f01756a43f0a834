"""Figures of what networks have learned, and pages about runs. Knows tracking and all below it."""
