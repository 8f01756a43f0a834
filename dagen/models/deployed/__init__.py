"""The deployed file: its content, its reader, and the cost of its network."""
