"""Validators, one file each: they judge checkpoints without target labels. Knows no engine."""
