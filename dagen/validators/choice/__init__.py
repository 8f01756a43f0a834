"""Which kept checkpoint is deployed: candidates, probes, judging, choosing."""
