"""Data sets, one file each: from files to batches. Knows no network, strategy or run."""
