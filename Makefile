# The door for people and for CI. `make` alone lists the targets.
PYTHON ?= python3
RUN := .venv/run
DEV := .venv/dev
BIN := $(DEV)/bin
DATA ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help run setup test lint check bench bundle demo clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-16s %s\n", $$1, $$2}'

run: $(RUN)/.installed ## install the runtime alone and recognise the demo clip
	$(RUN)/bin/edge-run --camera demo

setup: $(DEV)/.installed ## make the development environment

test: $(DEV)/.installed ## everything CI runs: lint, types, tests
	$(MAKE) lint
	$(BIN)/python -m pytest tests

lint: $(DEV)/.installed ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(DEV)/.installed ## the README's ratios and times, on this machine
	$(BIN)/python benchmarks/pipeline.py

bundle: $(DEV)/.installed ## remake the default bundle from DATA (an hour on two cores)
	$(BIN)/python X

clean: ## remove environments, builds and caches
	rm -rf .venv build dist *.egg-info .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUN)/.installed: setup.py pyproject.toml $(wildcard edge/native/*)
	$(PYTHON) -m venv $(RUN)
	$(RUN)/bin/pip install --quiet .
	touch $@

$(DEV)/.installed: setup.py pyproject.toml $(wildcard edge/native/*)
	$(PYTHON) -m venv $(DEV)
	$(BIN)/pip install --quiet --editable '.[quantize,distill,dev]'
	touch $@

-include native.mk
