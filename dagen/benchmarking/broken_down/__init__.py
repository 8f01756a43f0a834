"""What every cell's score is made of, by class, size and scene: ``breakdown`` of a benchmark.

``parts`` keeps what was measured, ``measuring`` measures, ``table`` shows it.
"""
