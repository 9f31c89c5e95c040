SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Every test that starts a process would read all modules from their sources again.
unexport PYTHONDONTWRITEBYTECODE

# Debian's first: it is built with every optimization, and starts in a quarter of the time that one built by pyenv takes.
PYTHON ?= $(shell for python in /usr/bin/python3.11 python3.11; do $$python -c 'import ensurepip' 2>/dev/null && echo $$python && exit; done; echo python3)
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
TOOLS := .cache/tools
QUICK := not docker and not engines and not postgres and not kills and not environments and not hostile and not browser and not inveniordm and not kubernetes
PYTEST := scripts/in-memory $(BIN)/pytest
# One worker per core; a file stays with one worker, so that what its tests share is made once.
BY_FILE := -n $(shell nproc) --dist loadfile
# Where tests wait more than they compute, more of them.
ONE_MORE := -n $(shell expr $$(nproc) + 1)
TWO_MORE := -n $(shell expr $$(nproc) + 2)

.PHONY: help setup demo demo-gitlab demo-kubernetes test lint test-postgres test-attacks test-docker test-kills test-environments test-hostile test-browser test-inveniordm test-kubernetes bench bench-kubernetes \
        reference requirements format clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: .venv/.development ## Make .venv ready for work (Debian packages too, when you are root)

demo: .venv/.installed ## Publish the example on this machine, from nothing (DEPOSIT=inveniordm: two versions to a real InvenioRDM)
	@PYTHONPATH=tests $(BIN)/python scripts/demo$(DEPOSIT:%=_%).py

demo-gitlab: .venv/.development ## Publish the example from a GitLab: registered, tagged, its pipeline run, the DOI on the release page
	@PYTHONPATH=tests $(BIN)/python scripts/demo_gitlab.py

demo-kubernetes: .venv/.development ## Publish the example with its run on a real Kubernetes of one node, and a version that asks for a GPU
	@PYTHONPATH=tests $(BIN)/python scripts/demo_kubernetes.py

test: setup tools ## Lint, then the whole quick suite
	@scripts/install-debian engines docker gitlab
	@$(MAKE) lint
	$(PYTEST) $(ONE_MORE) --dist loadfile --no-loadscope-reorder -m "$(QUICK)"

lint: setup ## Style, types, layers, sizes and spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/python scripts/sizes.py service webhooks migrations scripts tests examples benchmarks
	$(BIN)/codespell
	$(BIN)/mypy

format: setup ## Let ruff put files into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test-docker: setup tools ## The tests that build and run real containers
	@scripts/install-debian engines docker gitlab
	$(PYTEST) $(BY_FILE) -m "docker or engines" tests/contract tests/e2e tests/integration

test-postgres: setup ## The tests that need PostgreSQL, on a server of their own
	@scripts/install-debian postgres
	scripts/in-memory scripts/with-postgres $(BIN)/pytest -m postgres tests/e2e/kills tests/integration/database

test-attacks: setup ## Attack everything that faces a network, break what is around it, and print the table
	@scripts/install-debian postgres
	scripts/in-memory scripts/with-postgres $(BIN)/pytest $(BY_FILE) -m attack --attack-table

test-kills: setup ## Kill workers at every single moment of a publication, and resume
	$(PYTEST) $(TWO_MORE) --dist worksteal -m kills tests/e2e/kills

test-environments: setup ## Build the example environments twice from nothing, and compare
	@scripts/install-debian engines docker environments
	$(PYTEST) -m environments tests/integration/environment

test-hostile: setup ## Hand everything hostile to it, run hostile code in real engines, and print the table
	@scripts/install-debian engines docker
	$(PYTEST) -n $(shell nproc) --dist worksteal --hostile-table tests/hostile

test-browser: setup ## Look at the pages with a real browser
	@scripts/install-debian browser
	$(PYTEST) -n $(shell nproc) --dist worksteal -m browser tests/browser

test-inveniordm: setup ## Publish to a real InvenioRDM on this machine, through every fault
	@scripts/install-debian inveniordm
	$(PYTEST) $(TWO_MORE) --dist worksteal -m inveniordm tests/contract/depository tests/e2e/inveniordm

test-kubernetes: setup ## Run on a real Kubernetes of one node, through every fault
	@scripts/install-debian engines docker kubernetes
	@# A cluster for each worker: what one of them does to its node, no other sees.
	$(PYTEST) -n $(shell nproc) --dist loadfile -m kubernetes tests/cluster tests/contract

bench: setup ## Compare our speed with peers, in one table
	@scripts/install-debian engines docker inveniordm receiving
	scripts/in-memory $(BIN)/python -m benchmarks

bench-kubernetes: setup ## Measure runs on a real Kubernetes of one node
	@scripts/install-debian engines docker kubernetes
	@# On a disk: what a pod writes to a filesystem in memory counts as its memory.
	$(BIN)/python -m benchmarks clusters

reference: setup ## Write docs/reference anew from the code
	$(BIN)/python scripts/cli_reference.py
	$(BIN)/python scripts/values_reference.py
	$(BIN)/python scripts/openapi_reference.py
	$(BIN)/python scripts/ci_reference.py

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
