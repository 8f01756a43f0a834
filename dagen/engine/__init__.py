"""Executes a run: checks, data, loop, states, result. Knows all rooms below it."""
