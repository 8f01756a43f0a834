"""A grid of runs: expand it, run what is missing, collect what is there. Knows engine."""
