# The door for people and for CI. `make` alone lists the targets.
PYTHON ?= python3
RUN := .venv/run
DEV := .venv/dev
BIN := $(DEV)/bin

.DEFAULT_GOAL := help
.PHONY: help run setup test lint prose rooms bench bench-aarch64 test-aarch64-labels clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-19s %s\n", $$1, $$2}'

run: $(RUN)/.installed ## install the runtime alone and recognise the demo clip
	@mkdir -p .cache
	$(RUN)/bin/edge-run --camera demo > .cache/demo.jsonl
	@echo "the predictions, as JSON lines: .cache/demo.jsonl"

setup: $(DEV)/.installed ## make the development environment

test: lint ## lint, types, sanitizers, tests; what this machine lacks for a test is said, with the reason
	$(MAKE) --no-print-directory --jobs=$$(nproc) native-asan
	$(BIN)/python -m pytest tests -rs --durations=20 --numprocesses=auto --dist=loadfile

lint: $(DEV)/.installed ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

prose: $(DEV)/.installed ## wrap the prose of README and docs at one width
	$(BIN)/python -m tests.prose

rooms: $(DEV)/.installed ## entries, floors and circles of every room, from the imports; draws docs/rooms.svg
	$(BIN)/python -m tests.rooms

bench: $(DEV)/.installed ## the README's ratios and times, on this machine
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/native.py
	$(BIN)/python -m benchmarks.cameras
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.makers.quantize
	$(BIN)/python -m benchmarks.makers.calibration
	$(BIN)/python -m benchmarks.makers.training

bench-aarch64: $(DEV)/.installed ## instructions of a tick, and of a step in every engine, on ARM models (qemu-user)
	$(BIN)/python -m benchmarks.aarch64.tick
	$(BIN)/python -m benchmarks.aarch64.engines

test-aarch64-labels: $(DEV)/.installed ## the default bundle decides on aarch64 (qemu) as it does here
	$(BIN)/python -m benchmarks.aarch64.labels

clean: ## remove environments, builds and caches
	rm -rf .venv build dist *.egg-info .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUN)/.installed: setup.py pyproject.toml $(wildcard edge/native/* edge/native/*/*)
	$(PYTHON) -m venv $(RUN)
	$(RUN)/bin/pip install --quiet .
	touch $@

$(DEV)/.installed: setup.py pyproject.toml $(wildcard edge/native/* edge/native/*/*)
	$(PYTHON) -m venv $(DEV)
	$(BIN)/pip install --quiet --editable '.[quantize,distill,dev]'
	touch $@

include $(addprefix make/,native.mk training.mk cameras.mk vm.mk service.mk system.mk wheel.mk)
