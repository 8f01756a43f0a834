"""Per-image maps made without labels, such as salience; one file a kind. Knows no data set."""
