"""What a deployed network weighs: parameters, MACs, bytes, latency."""
