"""The deployed file: what it holds, how it is read, what it costs."""
