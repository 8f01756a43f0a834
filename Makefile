# Everything runs in a virtual environment of its own, made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One file, folder or test instead of all: make test T=tests/methods/test_advent.py
T ?=

.PHONY: install demo test test-faults bench format check lint docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt dagen/version.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

# The main job on the synthetic twins: source-only, then adapted, a table and a picture.
demo: install
	$(BIN)/dagen adapt --config benchmarks/demo.toml --runs demo --experiment demo
	@echo "Next: dagen adapt --src resortit --tgt taco --method advent (docs/quickstart.md)."

test: install
	$(BIN)/python -m pytest -q $(if $(T),$(T),-n auto --dist loadfile)

# The whole harness of faults, and its table; `make test` runs a small part of it.
test-faults: install
	$(BIN)/python -m pytest -q -n auto tests/faults --whole benchmarks/results/faults.md

# Every ratio of speed in one table; leave the machine alone meanwhile.
bench: install
	$(BIN)/python benchmarks/bench.py

# Mends what can be mended by itself.
format: install
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format .

# Lint, layout and types: seconds, changes nothing.
check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy dagen benchmarks scripts

lint: check

# The site, strictly: a warning is an error. It lies in site/ and needs no server.
docs: install
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs site
	@echo "Open site/index.html"

clean:
	rm -rf $(VENV) demo build site .mypy_cache .ruff_cache .pytest_cache
