"""Getting data sets and checking them. Runs do not need this code."""
