"""Exported and compressed networks for deployment. Knows engine and all below it."""
