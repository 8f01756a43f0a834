"""From a data set to batches: opening, decode cache, crops, sampling."""
