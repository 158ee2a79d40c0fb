# Recado. `make` alone prints this list.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.setup-stamp

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything, from requirements.lock, every file checked by its hash

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Recado needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + ": make setup PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $@

check: setup ## the gate: format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

test: setup ## the whole test suite, on RECADO_KAFKA, Docker or the embedded Kafka; in one process: ARGS="-n 0"
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(ARGS)

chaos: setup ## real workers, their broker and connections struck by seed, then judged; ARGS="--events 20000 --blows 40 --strikes 2", ARGS=--mutants
	$(BIN)/python -m chaos $(ARGS)

simulate: setup ## the commit protocol and the send path in simulated worlds: 1,000 seeds, and deliberate mistakes
	$(BIN)/python -m simulation $(ARGS)

bench: setup .venv-bench/.setup-stamp ## speed and memory beside Faust, Quix Streams and Kafka Streams, into docs/benchmarks.md
	$(BIN)/python -m benchmarks $(ARGS)

.venv-bench/.setup-stamp: benchmarks/requirements.lock | $(STAMP)
	@test -x .venv-bench/bin/python || $(BIN)/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

browser: ## install Chromium by apt-get, for the tests of the tag
	@command -v chromium >/dev/null || (apt-get update && apt-get install -y --no-install-recommends chromium)

demo: setup ## everything on this machine with a simulated provider and live traffic
	$(BIN)/recado demo $(ARGS)

docs: setup ## write AsyncAPI, OpenAPI and JSON Schemas again from the models
	$(BIN)/python -m events.schemas docs
	$(BIN)/python -m connectors.http.openapi docs/openapi.json

lock: setup ## resolve requirements.lock again from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet $(ARGS) --output-file requirements.lock

clean: ## remove .venv and what tools cached; data in .recado stays
	rm -rf .venv .venv-bench .benchmarks .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup check test bench browser chaos simulate demo docs lock clean
