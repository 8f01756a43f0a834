"""Imports point down, and heavy packages are imported inside the function that uses them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dagen"
FILES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "mlflow", "umap", "albumentations", "onnx", "onnxruntime", "openvino", "ray", "sklearn",
    "kornia", "pytorch_metric_learning", "matplotlib", "gdown", "httpx", "pandas", "scipy",
}  # fmt: skip
FORBIDDEN = {
    "methods": {
        "models",
        "datasets",
        "config",
        "tracking",
        "training",
        "experiment",
        "loaders",
        "cli",
    },
    "models": {
        "methods",
        "datasets",
        "config",
        "tracking",
        "training",
        "experiment",
        "loaders",
        "cli",
    },
    "datasets": {
        "methods",
        "models",
        "config",
        "tracking",
        "training",
        "experiment",
        "loaders",
        "cli",
    },
    "losses": {"methods", "models", "datasets", "config", "stack", "training"},
    "ops": {"methods", "models", "datasets", "config", "stack", "training"},
    "metrics": {"methods", "models", "datasets", "config", "stack", "training"},
    "training": {"models", "datasets", "tracking", "cli", "experiment", "plugins"},
    "types": {"methods", "models", "datasets", "config", "losses", "ops"},
}


def _imports(nodes: list[ast.stmt], *, deep: bool) -> set[str]:
    found: set[str] = set()
    trees = ast.walk(ast.Module(nodes, [])) if deep else nodes
    for node in trees:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_lazily(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    roots = {name.split(".")[0] for name in _imports(tree.body, deep=False)}
    assert not roots & HEAVY


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = _imports(tree.body, deep=True)
    rooms = {name.split(".")[1] for name in names if name.startswith("dagen.")}
    assert not rooms & FORBIDDEN.get(room, set())


def test_only_tracking_imports_mlflow() -> None:
    for path in FILES:
        if "tracking" not in path.parts:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            roots = {name.split(".")[0] for name in _imports(tree.body, deep=True)}
            assert "mlflow" not in roots, path


def test_help_needs_neither_torch_nor_pydantic() -> None:
    code = (
        "import sys; from dagen.cli import app;"
        "print([m for m in ('torch','mlflow','numpy','cv2') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
