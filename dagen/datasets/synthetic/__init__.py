"""The building blocks of the procedural twins."""
