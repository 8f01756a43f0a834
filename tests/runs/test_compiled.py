"""What is said of compiling: paid, not paid yet, never, or unknown."""

import re

import pytest

from dagen.runs.compiled import Compiled
from dagen.runs.config import Config, from_mapping


@pytest.mark.parametrize(
    ("found", "gained", "words"),
    [
        (
            Compiled(100, 1000, 1.0, 0.3, 0.5),
            100.0,
            "compiling took 100 s and paid: a step took 0.3 s, and 0.5 s before; 100 s less in "
            "1,000 steps.",
        ),
        (Compiled(100, 100, 1.0, 0.3, 0.5), -80.0, "did not pay.*pays from 505 steps on"),
        (Compiled(8, 100, 1.0, 0.5, 0.5), -8.0, "did not pay: .* Leave compile out"),
        (Compiled(8, 100, 1.0, 0.5), None, "took 8 s; a step took 0.5 s. Plain steps were not"),
        (Compiled(0, 100, 0.0, 0.5, 0.5), 0.0, "nothing was compiled: a strategy hooks"),
    ],
)
def test_it_says_whether_it_paid(found: Compiled, gained: float | None, words: str) -> None:
    assert found.gained == pytest.approx(gained)
    assert re.search(words, str(found))


def test_runs_that_do_not_compile_keep_their_names() -> None:
    assert "compile" not in Config().to_dict()
    assert from_mapping({"compile": True}).name != Config().name
    assert from_mapping({"compile": True, "tgt": "taco"}).source_only().compile
