import subprocess
import sys

import pytest

from dagen import plugins
from dagen.errors import UsageError


def test_names_come_from_files_and_exclude_helpers() -> None:
    assert {"enet", "icnet", "bisenet"} <= set(plugins.names("models"))
    assert {"supervised", "advent"} <= set(plugins.names("methods"))
    for kind in ("models", "methods", "datasets"):
        assert not [n for n in plugins.names(kind) if n == "base" or n.startswith("-")]


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from dagen import plugins;"
        "kinds = ('methods', 'models', 'datasets');"
        "[plugins.summary(k, n) for k in kinds for n in plugins.names(k)];"
        "print([m for m in ('torch', 'mlflow', 'cv2') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_plugin_has_a_one_line_description() -> None:
    for kind in ("models", "methods", "datasets"):
        for name in plugins.names(kind):
            assert len(plugins.summary(kind, name)) > 10, name


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'advent'"):
        plugins.get("methods", "advnet")
