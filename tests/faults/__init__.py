"""The harness of faults: kills, full disks, damaged files, dead servers and fuzzed inputs.

``make test`` runs a small part. ``make test-faults`` runs the whole, prints a table of what was
injected, survived and lost, and writes it to ``benchmarks/results/faults.md``.
"""
