"""Per-image maps made without labels, such as salience; one file per kind. Knows no data set."""
