"""The parts that the procedural twins are drawn from."""
