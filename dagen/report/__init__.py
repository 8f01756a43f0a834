"""Tables and figures from the results of a benchmark.

:func:`dagen.report.writing.write` makes them all; everything comes from
:class:`~dagen.report.records.Record`, so that a table can be remade without a run.
"""
