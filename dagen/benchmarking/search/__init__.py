"""The same small search for every row: a few values of its parameters, chosen without labels.

A row of a benchmark's file may name values to try::

    choose = "combined"                          # the validator that chooses; this is the default

    [[row]]
    name = "advent"
    method = "advent"
    search.advent.weight = [0.001, 0.01]         # several parameters: every combination

Every combination is a row of its own, called ``advent {advent.weight=0.01}``, for the first seed.
Then a validator, which reads no target label, chooses one of them for each network, task and point
on the axes, and only this one is run with the other seeds and stands in the table, as ``advent``.

``rows`` makes the combinations, ``choosing`` decides between them, ``showing`` keeps the chosen
ones for tables.
"""
