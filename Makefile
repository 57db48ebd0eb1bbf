# The door for people and for CI. `make` alone lists the targets.
PYTHON ?= python3
RUN := .venv/run
DEV := .venv/dev
BIN := $(DEV)/bin
DATA ?= ../shared/data
RECIPE := distill/recipes/students/student.yaml
START := runs/student/pretrained.safetensors
CALIB := synthetic_val+relit:$(DATA)/utd_depth
RELIT12 = $(BIN)/distill folds distill/recipes/students/relit12.yaml --data-root $(DATA) --start runs/student6/pretrained.safetensors
LEFT_OUT := --folds runs/folds --set folder:$(DATA)/arid_dark

.DEFAULT_GOAL := help
.PHONY: help run setup test lint bench bench-aarch64 test-aarch64-labels bundle results clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-16s %s\n", $$1, $$2}'

run: $(RUN)/.installed ## install the runtime alone and recognise the demo clip
	@mkdir -p .cache
	$(RUN)/bin/edge-run --camera demo > .cache/demo.jsonl
	@echo "the predictions, as JSON lines: .cache/demo.jsonl"

setup: $(DEV)/.installed ## make the development environment

test: $(DEV)/.installed ## everything CI runs: lint, types, sanitizers, tests
	-$(MAKE) -k debian $(DEV)/.picamera2 # without them a few tests skip
	$(MAKE) lint native-asan
	$(BIN)/python -m pytest tests

lint: $(DEV)/.installed ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(DEV)/.installed ## the README's ratios and times, on this machine
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/native.py
	$(BIN)/python -m benchmarks.cameras
	$(BIN)/python -m benchmarks.engines
	$(BIN)/python -m benchmarks.quantize
	$(BIN)/python -m benchmarks.calibration
	$(BIN)/python -m benchmarks.training

bench-aarch64: $(DEV)/.installed ## instructions of a step in every engine on a Cortex-A76 model (qemu-user, mmdebstrap)
	$(BIN)/python -m benchmarks.aarch64.engines

test-aarch64-labels: $(DEV)/.installed ## the default bundle decides on aarch64 (qemu) as it does here
	$(BIN)/python -m benchmarks.aarch64.labels

bundle: $(DEV)/.installed ## remake the default bundle from DATA (an hour on two cores)
	$(BIN)/distill pretrain $(RECIPE) --data-root $(DATA) --out runs/student
	$(BIN)/distill train $(RECIPE) --data-root $(DATA) --out runs/student --start $(START)
	$(BIN)/distill folds $(RECIPE) --data-root $(DATA) --out runs/folds --start $(START)
	for fold in runs/folds/*/; do \
		$(BIN)/quantize --calib $(CALIB) --limit 192 --force --model $$fold/bundle --out $$fold/int8 || exit 1; done
	$(BIN)/edge-folds $(LEFT_OUT) --record runs/student/bundle
	$(BIN)/quantize --calib $(CALIB) --limit 384 --model runs/student/bundle --out edge/data/bundle
	$(BIN)/edge-folds $(LEFT_OUT) --member int8 --against bundle --record edge/data/bundle
	rm -rf bundles/ellar-edge-s-float32 && cp -r runs/student/bundle bundles/ellar-edge-s-float32

results: $(DEV)/.installed ## the tables of docs/results.md, on relit bodies from DATA (hours on two cores)
	$(BIN)/distill pretrain distill/recipes/students/student6.yaml --data-root $(DATA) --out runs/student6
	$(RELIT12) --out runs/relit12
	$(BIN)/python -m benchmarks.results --data-root $(DATA) --folds runs/relit12 --member int8
	for light in LL ELL; do \
		$(RELIT12) --with sources.0.light=$$light --with sources.1.light=$$light --out runs/relit12-$$light && \
		$(BIN)/python -m benchmarks.results --data-root $(DATA) --folds runs/relit12-$$light || exit 1; done
	$(BIN)/python -m benchmarks.results --data-root $(DATA)

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

-include make/native.mk
-include make/cameras.mk
-include make/vm.mk
-include make/service.mk
