"""How hypothesis draws its examples here."""

from hypothesis import HealthCheck, settings

FUZZ = settings(
    max_examples=60,
    derandomize=True,  # the same examples at every run
    database=None,
    deadline=None,  # a loaded machine is no defect
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""A decorator for ``@given`` tests; the fixtures they share hold nothing between examples."""
