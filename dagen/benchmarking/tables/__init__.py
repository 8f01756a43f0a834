"""Tables and figures from the results of a benchmark.

:func:`dagen.benchmarking.tables.writing.write` makes them all; everything comes from
:class:`~dagen.benchmarking.tables.records.Record`, so that a table can be remade without a run.
"""
