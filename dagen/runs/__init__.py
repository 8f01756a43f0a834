"""A run on paper: configuration, plan, log, result. Trains nothing and opens no image."""
