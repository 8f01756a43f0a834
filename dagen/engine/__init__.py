"""One run for real: checks, data, loop, states, result. Knows all rooms below it."""
