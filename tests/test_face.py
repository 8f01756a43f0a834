"""What ``import dagen`` offers: quickly, completely, and with types."""

import inspect
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

import dagen

FUNCTIONS = [name for name in dagen.__all__ if inspect.isfunction(getattr(dagen, name))]
PACKAGE = Path(dagen.__file__).parent


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_every_name_is_there_and_found_by_dir() -> None:
    assert FUNCTIONS == [
        "adapt", "benchmark", "compress", "evaluate", "export", "load", "predict", "pretrain",
        "profile", "prune", "pull", "push", "report", "train", "visualize",
    ]  # fmt: skip
    for name in dagen.__all__:
        assert getattr(dagen, name) is not None
        if name != "__version__":
            assert getattr(dagen, name).__name__ == name
    code = "import dagen.engine.loop; print([n for n in dir(dagen) if n[:2] != '__'])"
    assert python(code) == str([name for name in dagen.__all__ if name != "__version__"])


def test_a_type_checker_is_told_of_the_same_names() -> None:
    import ast

    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagen.")
        for alias in node.names
    }
    assert typed == set(dagen.__all__)
    for homes in dagen._HOMES.values():  # type: ignore[attr-defined]
        typed -= set(homes)
    assert typed == {"__version__"}


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    heavy = ("torch", "numpy", "pydantic", "PIL", "cv2")
    code = f"import dagen, sys; dir(dagen); print([m for m in {heavy} if m in sys.modules])"
    assert python(code) == "[]"
    # Nor does it take torch to look at everything that is offered, or to plan a run.
    code = (
        "import dagen, sys; [getattr(dagen, name) for name in dagen.__all__];"
        "dagen.Runtime(runs='x'), dagen.Config(src='y'); print('torch' in sys.modules)"
    )
    assert python(code) == "False"


def test_the_functions_stay_even_after_modules_were_imported() -> None:
    code = (
        "import dagen.engine.loop, dagen.scoring.evaluation, dagen.scoring.prediction, dagen;"
        f"print(all(callable(getattr(dagen, n)) for n in {FUNCTIONS}))"
    )
    assert python(code) == "True"


def test_unknown_attributes_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = dagen.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_takes_gives_and_refuses(name: str) -> None:
    told = inspect.getdoc(getattr(dagen, name)) or ""
    assert "Raises:" in told and "Args:" in told
    for parameter in inspect.signature(getattr(dagen, name)).parameters.values():
        assert f"{parameter.name}:" in told
        if "Path" in str(parameter.annotation):
            assert "str" in str(parameter.annotation), f"{name}({parameter.name}) takes strings too"


SCRIPT = """
import numpy as np
import dagen

runtime = dagen.Runtime(runs="runs", data_root="data", device="cpu")
config = dagen.Config(src="resortit", tgt="taco", method=("advent",))
result: dagen.RunResult = dagen.adapt(config, runtime=runtime, seed=1, size=(64, 128))
iou: float = result.score("taco")
other = dagen.train("base.toml", method="supervised", lr=1e-3, init=result.model)
figures: dict[str, float] = dagen.evaluate(other.model, data="taco", data_root="data")
predictor: dagen.Predictor = dagen.load(str(other.model), size="64x128")
mask, probabilities = dagen.predict(predictor, np.zeros((8, 8, 3), np.uint8))
best: np.uint8 = mask.max()
names: list[str] = [path.name for path in dagen.predict("x.safetensors", "photos", "marked")]
settings: dagen.Settings = {"tgt": "taco", "method": ["minent", "advent"]}
dagen.adapt(**settings)
print(dagen.report([result.folder, "other"], runs="runs").file.read_text())
print(dagen.visualize("runs/a", data_root="data").folder, dagen.profile("enet").bytes)
print(dagen.benchmark("baselines", runtime=runtime).files, dagen.__version__)
"""
WRONG = {
    'dagen.adapt(src="resortit", tgt="taco", metod="advent")': 'did you mean "method"',
    'dagen.train(steps="many")': 'expected "int"',
    'dagen.train(batch_norm="mine")': "expected \"Literal['shared'",
    'dagen.evaluate("x.safetensors", "taco")': "Too many positional arguments",
    'dagen.predict("x.safetensors", "photos")': "No overload variant",
    "dagen.trian()": 'maybe "train"?',
    "dagen.Runtime(runs=3)": 'expected "Path | str"',
    'result: int = dagen.adapt(tgt="taco")': 'expression has type "RunResult"',
    'dagen.load("x.safetensors").weights': 'has no attribute "weights"',
}


def test_mypy_passes_a_users_script_and_finds_what_is_wrong(tmp_path: Path) -> None:
    """With dagen as it is installed: in the site-packages of an environment, not as source."""
    environment = tmp_path / "environment"
    venv.create(environment, symlinks=True)
    found = sysconfig.get_path("purelib", vars={"base": str(environment)})
    shutil.copytree(PACKAGE, Path(found) / "dagen", ignore=shutil.ignore_patterns("__pycache__"))
    (Path(found) / "others.pth").write_text(sysconfig.get_path("purelib"))
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text("import dagen\n" + "\n".join(WRONG))
    # Packages that the face does not speak of: mypy would read them for half a minute.
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-torch.*,mlflow.*]\nfollow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--hide-error-context"]
    python = ["--python-executable", str(environment / "bin" / "python")]
    run = subprocess.run(
        [*command, *python, "script.py", "wrong.py"], capture_output=True, text=True, cwd=tmp_path
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    assert run.returncode == 1 and len(errors) == len(WRONG), run.stdout + run.stderr
    for number, (error, reason) in enumerate(zip(errors, WRONG.values(), strict=True), 2):
        assert error.startswith(f"wrong.py:{number}: ") and reason in error, error
