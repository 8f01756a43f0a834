"""Losses against soft maps, one file each, and how several maps become one."""
