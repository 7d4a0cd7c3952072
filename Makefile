# SPDX-License-Identifier: Apache-2.0
# `make` lists what there is. Everything made lies below $(STATE); nothing else is touched.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

STATE := .ingester
VENV := $(STATE)/venv
PYTHON := $(VENV)/bin/python
INGESTER := $(VENV)/bin/ingester
READY := $(VENV)/.ready
BOOT_PYTHON ?= python3
UV_VERSION := 0.13.9

export UV_CACHE_DIR := $(abspath $(STATE))/cache/uv
# Agents are started often: without compiled modules each start takes five times longer.
export PYTHONPYCACHEPREFIX := $(abspath $(STATE))/cache/python
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

help: ## list the targets
	@grep -hE '^[a-zA-Z-]+:.*?## ' $(MAKEFILE_LIST) \
	  | awk -F ':.*?## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## set up $(STATE): virtual environment, Kafka's jars
.PHONY: help setup

$(READY): requirements.lock pyproject.toml infra/local/pom.xml
	@BOOT_PYTHON=$(BOOT_PYTHON) bash infra/local/setup.sh $(STATE) $(UV_VERSION)
	@touch $@

demo: setup ## ingest a small time series from request to index, and look at it
	@$(INGESTER) demo

up: setup ## start the embedded stack: servers and agents
	@$(INGESTER) up

down: setup ## stop the embedded stack; its data stay
	@$(INGESTER) down
.PHONY: demo up down

test: check test-all ## every check and every test, on real servers
check: lint test-unit ## the quick part: format, lint, types, imports, schemas, unit tests
.PHONY: test check

lint: setup ## format, lint, types, imports, schemas
	@echo "== ruff";         $(VENV)/bin/ruff format --check . && $(VENV)/bin/ruff check .
	@echo "== mypy";         $(VENV)/bin/mypy
	@echo "== import laws";  $(VENV)/bin/lint-imports --no-logo 2>&1 | tail -n 9
	@echo "== schemas";      $(INGESTER) schemas check

test-unit: setup ## rules and rooms: no servers
	@$(PYTHON) -m pytest tests/unit -q -n 2 --dist worksteal

test-all: setup ## all tests but the unit tests, on real servers
	@$(PYTHON) -m pytest tests/contract tests/integration tests/acceptance -q -n 2 --dist loadfile

test-stac: setup ## the STAC search on stac-fastapi (needs PostgreSQL with PostGIS)
	@$(PYTHON) -m tests.pgstac

test-minio: setup ## the store's contract suite on a real MinIO server (built by Go, 5 min)
	@$(PYTHON) -m tests.minio

test-eodag: setup ## the provider and the search eodag on the real library (60 packages)
	@$(PYTHON) -m tests.eodag

screenshots: setup ## each page of the operator's page: light, dark, phone (needs chromium)
	@$(PYTHON) -m tests.screenshots

vendor: setup ## fetch again what the page carries of others, and check it (needs npm)
	@$(PYTHON) -m agents.gateway.page.vendor

test-windows: setup ## kill workers REPEATS times (20) in each window between order and commit
	@INGESTER_TEST_REPEATS=$(or $(REPEATS),20) $(PYTHON) -m pytest -q -s \
	  tests/acceptance/test_windows.py

format: setup ## format and mend what can be mended
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .
.PHONY: lint test-unit test-all test-minio test-stac test-eodag test-windows screenshots vendor format

bench: ## list the benchmarks
	@for file in benchmarks/bench_*.py; do \
	  name=$${file##*/bench_}; \
	  printf '  make bench-%-10s %s\n' "$${name%.py}" \
	    "$$(grep -m 1 '^"""' $$file | tr -d '"')"; \
	done

bench-%: setup ## run one benchmark; ends with RESULT key=value …
	@$(PYTHON) -m benchmarks.bench_$*
.PHONY: bench

lock: setup ## pin the dependencies of pyproject.toml anew in requirements.lock
	@$(VENV)/bin/uv pip compile -q --python $(PYTHON) --extra local --extra dev \
	  --generate-hashes --custom-compile-command 'make lock' \
	  pyproject.toml -o requirements.lock

clean: setup ## stop the stack and remove $(STATE): data, environment, caches
	@$(INGESTER) down || true
	@rm -rf $(STATE)
.PHONY: lock clean
