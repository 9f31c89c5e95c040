SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
TOOLS := .cache/tools
QUICK := not docker and not engines and not postgres and not kills
# One worker per core; a file stays with one worker, so that what its tests share is made once.
PYTEST := $(BIN)/pytest -n $(shell nproc) --dist loadfile

.PHONY: help setup demo test lint test-postgres test-docker reference requirements format clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/.development ## Make .venv ready for work (Debian packages too, when you are root)

demo: .venv/.installed ## Publish the example on this machine, from nothing
	@$(BIN)/python scripts/demo.py

test: setup tools ## Lint, then the whole quick suite
	@scripts/install-debian engines docker
	@$(MAKE) lint
	$(PYTEST) -m "$(QUICK)"

lint: setup ## Style, types, layers, sizes and spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python scripts/sizes.py service webhooks migrations scripts tests examples
	$(BIN)/codespell
	$(BIN)/mypy

format: setup ## Let ruff put files into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test-docker: setup tools ## The tests that build and run real containers
	@scripts/install-debian engines docker
	$(BIN)/pytest -m "docker or engines"

test-postgres: setup ## The tests that need PostgreSQL, on a server of their own
	@scripts/install-debian postgres
	scripts/with-postgres $(BIN)/pytest -m postgres

test-kills: setup ## Kill workers at every single moment of a publication, and resume
	$(BIN)/pytest -n $(shell nproc) --dist load -m kills tests/e2e/kills

reference: setup ## Write docs/reference anew from the code
	$(BIN)/python scripts/cli_reference.py
	$(BIN)/python scripts/values_reference.py

requirements: ## Pin every dependency anew (requirements/*.txt)
	scripts/requirements --upgrade

clean: ## Remove what was installed, cached and published here
	@# Container engines leave their storage mounted on itself, and a mounted folder cannot be removed.
	@awk -v below="$(CURDIR)/.demo/" 'index($$2, below) == 1 {print $$2}' /proc/mounts | sort -r | xargs -r umount
	rm -rf .venv .cache .demo dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Stamps make a prepared checkout quick: nothing is installed again until the pins change.
.venv/.installed: requirements/runtime.txt requirements/build.txt pyproject.toml
	@scripts/install-debian python
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tagstone needs Python 3.11 or newer.")'
	@echo "Installing what Tagstone needs into .venv" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.development: .venv/.installed requirements/dev.txt
	@echo "Installing what developers need into .venv" >&2
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# Programs that tests call, each in an environment of its own because their pins contradict ours.
.PHONY: tools
tools: $(TOOLS)/rocrate-validator/.installed $(TOOLS)/cffconvert/.installed

$(TOOLS)/%/.installed: requirements/%.txt
	@scripts/install-debian python
	@echo "Installing $* into $(@D)" >&2
	@$(PYTHON) -m venv $(@D)
	@$(@D)/$(PIP:.venv/%=%) --require-hashes -r $<
	@touch $@
