"""Data sets of one's own: a folder with a ``dagen.toml`` that says how it is laid out."""
