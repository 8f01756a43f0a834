"""The choice of the deployed checkpoint: candidates, probes, judging, choosing."""
