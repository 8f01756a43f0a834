"""What is left of every cell's score in smaller files of its network: ``[deploy]`` of a benchmark.

``asked`` reads the table, ``versions`` keeps what was measured, ``measuring`` exports and scores,
``table`` shows it.
"""
