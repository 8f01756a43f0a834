"""Getting data sets and checking them. Nothing of it is needed by a run."""
