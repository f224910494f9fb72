# `make` alone prints this list. Needs: Python 3.11 to 3.13 and make; all else comes into .venv.
PYTHON ?= python3
ENVIRONMENT := .venv
BIN := $(ENVIRONMENT)/bin
READY := $(ENVIRONMENT)/.ready
ARGS ?=
export UV_SYSTEM_CERTS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status test lint bench docs lock

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## Create the environment in .venv with the locked requirements (fast when nothing changed)

demo: $(READY) ## Walk through an incident from detection to recovery; ARGS=--approve answers the approvals too
	@$(BIN)/amends demo $(ARGS)

up: $(READY) ## Start PostgreSQL, MLflow and Airflow on this machine
	@$(BIN)/amends up $(ARGS)

down: $(READY) ## End whatever `make up` or `make demo` started
	@$(BIN)/amends down $(ARGS)

status: $(READY) ## Say what runs and whether it is well
	@$(BIN)/amends status $(ARGS)

test: lint ## Lint, types, import rules, then every test; ARGS="-m 'not stack'" leaves out the slow ring
	@$(BIN)/pytest -n logical --dist loadfile --no-loadscope-reorder --durations 25 $(ARGS)

lint: $(READY) ## Check style, formatting, types and import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY) ## Measure against the peers in the same run; ARGS="--rows 1000000", or "-k healthy" for false alarms
	@$(BIN)/pytest tests/benchmarks -q -s -o python_files='bench_*.py' -o faulthandler_timeout=0 \
		-k "not (healthy or planted or fuzzed or twenty or thousand_pairs)" $(ARGS)

docs: $(READY) ## Write the generated pages anew (DAGS.md)
	@$(BIN)/python -m amends.orchestration.dag_docs $(ARGS)

lock: $(READY) ## Resolve requirements*.in anew into requirements*.txt
	@$(BIN)/uv pip compile -q --no-header --universal --python-version 3.11 requirements.in -o requirements.txt
	@$(BIN)/uv pip compile -q --no-header --universal --python-version 3.11 requirements-dev.in -o requirements-dev.txt

# Bytecode is compiled while installing: without it every Airflow process would start 5 s later.
$(READY): requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "make: $(PYTHON) is not Python 3.11 to 3.13. Name one: make setup PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(ENVIRONMENT)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --quiet \
		-r requirements.txt -r requirements-dev.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps -e .
	@$(BIN)/python -m compileall -q include
	@touch $@
