"""What leaves the lab: exported and compressed networks. Knows engine and all below it."""
