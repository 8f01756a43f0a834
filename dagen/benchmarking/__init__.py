"""A grid of runs: expand it, run the missing cells, collect the results. Knows engine."""
