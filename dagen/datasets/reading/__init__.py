"""Files as arrays: images, masks, annotations and paths."""
