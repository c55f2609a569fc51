# Everything one types here. `make` lists the targets. VENV=… uses another virtual environment, PYTHON=… another Python.

VENV ?= .venv
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
BIN = $(VENV)/bin
DUCKDB_1_5 = $(VENV)/duckdb-1.5/bin/python
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# where Python is told to keep no compiled modules, each start would compile them
COMPILE = $(BIN)/python -m compileall -q pipelines profile_service

.DEFAULT_GOAL = help
.PHONY: help run test test-slow test-all lint types bench-linkage bench-floor bench-peers bench-growth bench-noise bench-service clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## set up, resolve and publish data/sample, then serve it on PORT until Ctrl-C; SERVE=0: not
	@$(BIN)/profiles run data/sample
	@echo "the command is in $(BIN): . $(BIN)/activate"
ifneq ($(SERVE),0)
	@$(BIN)/profiles serve --try $(if $(PORT),--port $(PORT))
endif

test: $(VENV)/.installed-dev ## the tests, in a few minutes
	$(BIN)/python -m pytest -m "not slow" -n auto

test-slow: $(VENV)/.installed-dev $(DUCKDB_1_5) ## the tests that need more patience, also with DuckDB 1.5 as reader
	DUCKDB_1_5=$(abspath $(DUCKDB_1_5)) $(BIN)/python -m pytest -m slow -n auto

test-all: test test-slow ## all tests

lint: $(VENV)/.installed-dev ## ruff: rules and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev ## mypy, strict
	$(BIN)/mypy

bench-linkage: $(VENV)/.installed-bench ## the README's figures beside Splink 5's, printed: ten minutes; RECORDS=10000: less than one
	$(BIN)/python -m tests.benchmarks.bench_linkage $(if $(RECORDS),--records $(RECORDS))

bench-service: $(VENV)/.installed-bench ## the service under load, over a million customers; needs wrk: fifteen minutes
	$(BIN)/python -m tests.benchmarks.bench_service

bench-noise: $(VENV)/.installed-bench ## accuracy at 100,000 records by noise profile and seed: a quarter of an hour
	$(BIN)/python -m tests.benchmarks.bench_noise

bench-floor: $(VENV)/.installed-bench ## what a run cannot do without, its files read and its tables written: three minutes
	$(BIN)/python -m tests.benchmarks.bench_floor $(if $(RECORDS),--records $(RECORDS))

bench-peers: $(VENV)/.installed-peers ## beside Splink, dedupe, recordlinkage and match keys, into docs/benchmarks.md: an hour
	$(BIN)/python -m tests.benchmarks.bench_peers

bench-growth: $(VENV)/.installed-bench ## by stage from ten thousand records to a million, into docs/benchmarks.md: ten minutes
	$(BIN)/python -m tests.benchmarks.bench_growth $(if $(TEN_MILLION),--ten-million)

clean: ## remove the virtual environment, caches and what runs have published in data/
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf data/work data/models data/generations data/customers.duckdb
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: install it, or say make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable '.[dev,bench,postgres]'
	@$(COMPILE)
	@touch $(VENV)/.installed $@

$(DUCKDB_1_5): | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/duckdb-1.5
	$@ -m pip install --quiet --disable-pip-version-check 'duckdb>=1.5,<1.6' pytz

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@touch $@

$(VENV)/.installed-peers: $(VENV)/.installed-bench
	$(PIP) --editable '.[bench,peers]'
	@touch $@
