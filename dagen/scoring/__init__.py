"""Predictions of networks and their scores. Knows runs, data sets, networks."""
