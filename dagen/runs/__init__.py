"""Descriptions of runs: configuration, plan, log, result. Trains nothing and opens no image."""
