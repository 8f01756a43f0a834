"""Removes channels that a network can do without, and trains what is left."""
