import subprocess
import sys
from typing import get_args

import pytest

from dagen import plugins
from dagen.errors import UsageError


def test_names_come_from_files_and_exclude_helpers() -> None:
    assert {"enet", "icnet", "bisenet"} <= set(plugins.names("models"))
    assert {"supervised", "advent"} <= set(plugins.names("methods"))
    assert {"salience"} <= set(plugins.names("maps"))
    for kind in get_args(plugins.Kind):
        assert not [n for n in plugins.names(kind) if n == "base" or n.startswith("-")]


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from dagen import plugins;"
        "from typing import get_args;"
        "[plugins.summary(k, n) for k in get_args(plugins.Kind) for n in plugins.names(k)];"
        "print([m for m in ('torch', 'mlflow', 'cv2') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_plugin_has_a_one_line_description() -> None:
    for kind in get_args(plugins.Kind):
        for name in plugins.names(kind):
            assert len(plugins.summary(kind, name)) > 10, name


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'advent'"):
        plugins.get("methods", "advnet")
