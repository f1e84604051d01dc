# Two commands matter: `make run` (the demo city, served) and `make test` (everything that must hold).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# On two cores the third works while others wait for servers and disks.
PYTEST_WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help install run test check unit test-spark cite fuzz bench clean system-packages

help:  ## say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

install: $(VENV)/installed  ## make the virtual environment with the platform in it

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Onemap needs Python 3.11 or newer; name one with make PYTHON=…" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || sh tests/system_packages.sh venv $(PYTHON) $(VENV)
	@echo "installing Onemap into $(VENV) …"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-tests: $(VENV)/installed
	@echo "installing what the tests need into $(VENV) …"
	@$(PIP) install --constraint constraints.txt --editable '.[test,notebooks,bench]'
	@touch $@

run: install  ## build the demo city if absent, play its feeds, serve the one map on 127.0.0.1:5000
	@$(BIN)/onemap run

system-packages:  ## install the servers and clients that tests drive (Debian, as root)
	@sh tests/system_packages.sh

test: $(VENV)/installed-tests system-packages check unit  ## all checks and tests

check: $(VENV)/installed-tests  ## lint, types, import layering
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/installed-tests  ## the tests alone
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

test-spark: $(VENV)/installed-tests  ## rules over Spark DataFrames (450 MB of PySpark, Java 17); no part of make test
	@java -version 2>/dev/null || { echo "Spark needs Java 17 (Debian: openjdk-17-jre-headless)"; exit 1; }
	@$(PIP) install --constraint constraints.txt --editable '.[spark]'
	ONEMAP_SPARK=1 $(BIN)/python -m pytest -n 0 tests/spark

cite: $(VENV)/installed-tests  ## put the standards' test suites to a running server: passed, failed, skipped (URL=… for another)
	@$(BIN)/python -m tests.cite $(URL)

fuzz: $(VENV)/installed-tests  ## make up many requests from the API definition, for every operation and layer
	ONEMAP_FUZZ_EXAMPLES=$${ONEMAP_FUZZ_EXAMPLES:-200} $(BIN)/python -m pytest -n 0 --timeout 7200 tests/fuzz

bench: $(VENV)/installed-tests system-packages  ## measure against peers, keep the table in benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

clean:  ## remove everything that can be made again
	rm -rf $(VENV) var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache data/*/demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
