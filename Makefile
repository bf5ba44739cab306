# What a person runs: make demo, make test. Everything lives in .venv; nothing else on the machine changes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORACLES := .oracles
AUDIT := .audit
TORCH := torch==2.13.0

.PHONY: help setup demo test test-all test-oracles audit check bench bench-federation clean

help:
	@echo "make demo      twin the network of a synthetic city: progress, tables, picture"
	@echo "make test      every check and test (some ten minutes)"
	@echo "make test-all  also the long tests"
	@echo "make test-oracles   the tests that compare with other libraries, in an environment with these"
	@echo "make audit     ask OSV for known weaknesses of the locked libraries; needs the internet"
	@echo "make check     ruff, mypy --strict, import-linter"
	@echo "make bench     measure the import, the trainer, the synthetic city, the twins"
	@echo "make bench-federation   measure rounds over processes, beside Flower as shipped"
	@echo "make setup     only make the environment $(VENV) (PYTHON=python3.12 chooses the interpreter)"
	@echo "make clean     remove the environment and the caches"

setup: $(VENV)/.ready

# torch comes first and by exact version, so that whichever build the package index offers for it (CPU
# or GPU) is kept; the lock then fixes everything else.
$(VENV)/.ready: pyproject.toml .lock.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "vhtwin needs Python 3.11 or newer; name one with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "== setting up $(VENV) with $$($(PYTHON) --version): a few minutes the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "== installing $(TORCH)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@echo "== installing the locked libraries and vhtwin itself"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r .lock.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/vhtwin doctor --json > /dev/null
	@touch $@

demo: setup
	@echo "== demo: a synthetic city of 50 stations and 30 days, twinned and kept in step along its last week"
	@test -f runs/demo/city/stations.csv || $(BIN)/vhtwin data make --stations 50 --days 30 --seed 7 --out runs/demo/city
	@$(BIN)/vhtwin twin runs/demo/city --out runs/demo/twins --overwrite

check: setup
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "== mypy --strict"
	@$(BIN)/mypy
	@echo "== import-linter"
	@$(BIN)/lint-imports

test: check
	@echo "== tests"
	@$(BIN)/pytest --numprocesses auto --cov --cov-report=term-missing:skip-covered

test-all: check
	@echo "== all tests, the long ones too"
	@$(BIN)/pytest --numprocesses auto -m ""

test-oracles: $(ORACLES)/.ready
	@echo "== tests that compare with other libraries"
	@$(ORACLES)/bin/python -m pytest -m oracle

# Over the libraries of $(VENV): only what is compared with is added, and versions that it cannot do without.
$(ORACLES)/.ready: $(VENV)/.ready pyproject.toml
	@echo "== setting up $(ORACLES) over $(VENV)"
	@test -x $(ORACLES)/bin/python || $(BIN)/python -m venv $(ORACLES)
	@$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
		> $$($(ORACLES)/bin/python -c 'import site; print(site.getsitepackages()[0])')/shared.pth
	@$(ORACLES)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		--editable '.[oracle]'
	@$(ORACLES)/bin/python -c 'import EntropyHub, antropy, igraph, libcachesim, sionna.sys, stable_baselines3'
	@touch $@

# Strict: what could not be asked about counts as a failure, not as sound.
audit:
	@echo "== asking OSV about what .lock.txt names"
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) \
		&& $(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; }
	@$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip --vulnerability-service osv --requirement .lock.txt

bench: setup
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' --no-build-isolation
	@$(BIN)/python -m tests.benchmarks.city_speed
	@$(BIN)/python -m tests.benchmarks.import_speed
	@$(BIN)/python -m tests.benchmarks.trainer_speed
	@$(BIN)/python -m tests.benchmarks.segmentation_speed
	@$(BIN)/python -m tests.benchmarks.twin_speed --all

bench-federation: setup
	@$(BIN)/python -m tests.benchmarks.federation_speed

clean:
	rm -rf $(VENV) $(ORACLES) $(AUDIT) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
