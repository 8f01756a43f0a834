import subprocess
import sys

import pytest

import dagen
from dagen import api
from dagen.errors import UsageError


def test_the_package_offers_the_functions_even_after_its_modules_were_imported() -> None:
    code = (
        "import dagen.engine.loop, dagen.scoring.evaluation, dagen.scoring.prediction, dagen;"
        "print([callable(getattr(dagen, n)) for n in ('train', 'adapt', 'evaluate', 'predict')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[True, True, True, True]"


def test_unknown_attributes_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = dagen.nonsense  # type: ignore[attr-defined]


def test_profile_by_name_and_cap() -> None:
    found = api.profile("enet", size="32x64")
    assert found.flops == 2 * found.macs
    with pytest.raises(UsageError, match="did you mean 'enet'"):
        api.profile("ennet")
    with pytest.raises(UsageError, match="task is 'glass'"):
        api.profile("enet", task="glass")


def test_adapt_needs_a_target() -> None:
    with pytest.raises(UsageError, match="--tgt"):
        dagen.adapt(src="resortit-synth", method="minent")
