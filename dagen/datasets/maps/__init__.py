"""Per-image maps made without labels, such as salience. One file a kind."""
