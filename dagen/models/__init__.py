"""Networks, one file each. Knows no data set, strategy or run."""
