"""Data sets, one file each, and their batches. Knows no network, strategy or run."""
