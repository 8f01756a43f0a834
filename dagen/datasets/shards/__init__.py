"""Data sets in tar files (WebDataset shards), on this disk or at an address."""
