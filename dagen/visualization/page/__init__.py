"""One self-contained HTML page about finished runs (`dagen report`)."""
