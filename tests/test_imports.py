"""Imports run one way, and heavy packages are imported inside the function that uses them."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dagen"
FILES = sorted(PACKAGE.rglob("*.py"))
ORDER = """
colours errors version
types collective
parameters losses ops batch_norm plugins
system criteria
models datasets methods
runs
scoring
validators tracking
engine
deploy
benchmarking
visualization
api
cli
"""
"""The rooms from the ground up. Each may import the rooms above its own line, and no others."""

FLOOR = {room: n for n, line in enumerate(ORDER.split("\n")) for room in line.split()}
HEAVY = {
    "mlflow", "umap", "albumentations", "onnx", "onnxruntime", "openvino", "ray", "sklearn",
    "kornia", "pytorch_metric_learning", "av", "matplotlib", "gdown", "httpx", "pandas", "scipy",
    "torch_pruning", "huggingface_hub",
}  # fmt: skip


def module(path: Path) -> str:
    """The dotted name of a file of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}
FACE = {"dagen", "dagen.__main__"}
"""What stands in front of all rooms."""


def imports(name: str) -> Iterator[tuple[str, int]]:
    """The modules of dagen that a module imports anywhere, functions and TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((a.name, node.lineno) for a in node.names if a.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "") in MODULES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found = inner if inner in MODULES else str(node.module)
                if found != name:
                    yield found, node.lineno


def room(name: str) -> str:
    return name.split(".")[1]


LOADERS = {"dagen", "dagen.plugins"}
"""The modules that may import others under names made at run time."""
DECLARED = {("runs", "validators")}
"""A room, and plug-ins above it whose declarations it reads, such as ``Validator.domains``."""


def hidden(text: str) -> Iterator[str]:
    """The imports in a module's text that :func:`imports` cannot follow."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"line {node.lineno}: a relative import; write the module's whole name"
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Name | ast.Attribute):
            names = [ast.unparse(node)]
        for name in names:
            first, _, rest = name.partition(".")
            dynamic = first == "importlib" and not rest.startswith(("metadata", "resources"))
            if dynamic or first in ("__import__", "pkgutil", "runpy") or name == "sys.modules":
                yield f"line {node.lineno}: {name} can import what no test sees"


def kinds(text: str) -> set[str]:
    """The kinds of plug-ins that a module asks ``dagen.plugins`` for."""
    return {
        str(node.args[0].value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("plugins.")
        if node.args and isinstance(node.args[0], ast.Constant)
    }


def test_every_room_has_its_place() -> None:
    assert {room(name) for name in MODULES if name not in FACE} == set(FLOOR)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_run_down(name: str) -> None:
    if name == "dagen.__main__":
        return
    if name == "dagen":  # the face offers what lies in many rooms, imported on first use
        return
    for found, line in imports(name):
        where = f"{MODULES[name].relative_to(ROOT)}:{line} imports {found}"
        assert found not in FACE, f"{where}, the face of the package"
        if room(found) != room(name):
            assert FLOOR[room(found)] < FLOOR[room(name)], f"{where}, which is not below it"


@pytest.mark.parametrize("name", sorted(set(MODULES) - LOADERS))
def test_no_import_is_hidden(name: str) -> None:
    text = MODULES[name].read_text(encoding="utf-8")
    assert list(hidden(text)) == []
    homes = {"maps": "datasets", "losses": "criteria"}
    for kind in kinds(text):
        home = homes.get(kind, kind)
        if (room(name), kind) not in DECLARED and room(name) != home:
            assert FLOOR[home] < FLOOR[room(name)], f"{name} uses {kind}, which are not below it"


@pytest.mark.parametrize(
    "line",
    [
        "from ..engine import loop", "from .. import engine", "from . import loop",
        "import importlib", "from importlib import import_module",
        "__import__('dagen.engine.loop')", "sys.modules['dagen.engine.loop']",
    ],
)  # fmt: skip
def test_hidden_imports_are_found(line: str) -> None:
    assert list(hidden(f"def f():\n    {line}"))
    assert not list(hidden("from importlib.metadata import version\nimport importlib.resources"))
    assert kinds("plugins.get('methods', name)\nplugins.names(kind)") == {"methods"}


def test_no_imports_run_in_a_circle() -> None:
    graph = {name: {found for found, _ in imports(name)} for name in MODULES}
    list(graphlib.TopologicalSorter(graph).static_order())  # names the circle if there is one


def test_the_architecture_page_shows_the_same_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert ORDER.strip() in page


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=module)
def test_every_folder_says_what_it_is(folder: Path) -> None:
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if module(folder) not in ("dagen", "dagen.cli"):  # the face, and the command itself
        assert len(tree.body) == 1, "a docstring alone; code belongs in a file named for it"


def _heavy(nodes: list[ast.stmt]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=module)
def test_heavy_packages_are_imported_lazily(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not set(_heavy(tree.body)) & HEAVY


def test_only_tracking_imports_mlflow() -> None:
    for name, path in MODULES.items():
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        if not name.startswith("dagen.tracking"):
            assert "mlflow" not in _heavy([n for n in nodes if isinstance(n, ast.stmt)]), path


def _loaded(code: str, packages: tuple[str, ...]) -> list[str]:
    """Which of ``packages`` are loaded once ``code`` has run in a process of its own."""
    code += f"\nimport sys; print(*[m for m in {packages!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_help_needs_neither_torch_nor_pydantic() -> None:
    heavy = ("torch", "mlflow", "numpy", "cv2", "pydantic")
    assert _loaded("from dagen.cli import app", heavy) == []


def test_a_plugin_writers_imports_stay_light() -> None:
    heavy = ("kornia", "mlflow", "sklearn", "cv2", "PIL")
    assert _loaded("import dagen.methods.base, dagen.losses, dagen.ops", heavy) == []
