"""Validators: scores of a checkpoint that read no target label, one file each."""
