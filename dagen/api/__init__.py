"""The commands as Python functions, offered by ``import dagen``. Knows all rooms below it."""
