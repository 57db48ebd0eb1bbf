# The C core: its tests, sanitizers, other CPUs, counts and times. Included by Makefile.
NATIVE_BUILD := build/native
NATIVE_C := $(filter-out edge/native/module.c,$(wildcard edge/native/*.c edge/native/*/*.c))
NATIVE_DEPENDS := $(NATIVE_C) $(wildcard edge/native/*.h edge/native/*/*.h)
SANITIZED := $(NATIVE_C:edge/native/%.c=build/native/asan/%.o)
CHECKASM_C := $(wildcard tests/native/checkasm/*.c)
CHECKASM_DEPENDS := $(CHECKASM_C) tests/native/checkasm/checkasm.h $(NATIVE_DEPENDS)
NATIVE_FLAGS := -std=gnu11 -g -O3 -fno-math-errno -ffp-contract=off -Wall -Wextra -Iedge/native
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -O1
ARM_CC ?= aarch64-linux-gnu-gcc
ARM_RUN ?= qemu-aarch64-static
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZERS := fuzz fuzz_motion
REPLAYED ?= 100
NATIVE_PYTHON ?= $(or $(wildcard $(BIN)/python),python3)

.PHONY: native-test native-asan native-test-arm native-fuzz native-counts bench-native

native-test: $(NATIVE_BUILD)/checkasm ## every kernel of every CPU level against scalar C, with guard pages
	$<

native-asan: $(NATIVE_BUILD)/checkasm-asan $(NATIVE_BUILD)/motion-asan $(NATIVE_BUILD)/regions-asan $(FUZZERS:%=$(NATIVE_BUILD)/%-replay) ## the same, and random inputs of the fuzzers, under sanitizers
	for program in $(filter-out %-replay,$^); do $$program || exit 1; done
	for program in $(filter %-replay,$^); do $$program $(REPLAYED) || exit 1; done

native-test-arm: $(NATIVE_BUILD)/checkasm-arm ## the same for aarch64, cross-compiled and run under qemu
	$(ARM_RUN) $<

native-fuzz: $(FUZZERS:%=$(NATIVE_BUILD)/%) ## libFuzzer over sizes, strides, formats, experts: FUZZ_SECONDS each
	for fuzzer in $(FUZZERS); do mkdir -p .cache/$$fuzzer && \
		$(NATIVE_BUILD)/$$fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=4096 .cache/$$fuzzer || exit 1; done

native-counts: $(NATIVE_BUILD)/checkasm ## instructions per byte under valgrind and qemu
	$(NATIVE_PYTHON) tests/native/counts.py

bench-native: $(NATIVE_BUILD)/checkasm $(if $(DEV),$(DEV)/.installed) ## what the product runs of the C core, as ratios to OpenCV and memcpy
	$< bench
	$(if $(BIN),$(BIN)/python,python3) benchmarks/native.py

$(NATIVE_BUILD)/checkasm: $(CHECKASM_DEPENDS)
	@mkdir -p $(@D)
	$(CC) $(NATIVE_FLAGS) $(CHECKASM_C) $(NATIVE_C) -lm -o $@

$(NATIVE_BUILD)/asan/%.o: edge/native/%.c $(NATIVE_DEPENDS)
	@mkdir -p $(@D)
	$(CC) $(NATIVE_FLAGS) $(SANITIZE) -c $< -o $@

$(NATIVE_BUILD)/checkasm-asan: $(CHECKASM_DEPENDS) $(SANITIZED)
	$(CC) $(NATIVE_FLAGS) $(SANITIZE) $(CHECKASM_C) $(SANITIZED) -lm -o $@

$(NATIVE_BUILD)/%-asan: tests/native/%.c $(SANITIZED)
	$(CC) $(NATIVE_FLAGS) $(SANITIZE) $^ -lm -o $@

$(NATIVE_BUILD)/checkasm-arm: $(CHECKASM_DEPENDS) | $(NATIVE_BUILD)/arm-tools
	@mkdir -p $(@D)
	$(ARM_CC) -static $(NATIVE_FLAGS) $(CHECKASM_C) $(NATIVE_C) -lm -o $@

$(NATIVE_BUILD)/%-replay: tests/native/%.c tests/native/replay.c $(SANITIZED)
	$(CC) $(NATIVE_FLAGS) $(SANITIZE) $^ -lm -o $@

$(FUZZERS:%=$(NATIVE_BUILD)/%): $(NATIVE_BUILD)/%: tests/native/%.c $(NATIVE_DEPENDS) | $(NATIVE_BUILD)/fuzz-tools
	@mkdir -p $(@D)
	$(FUZZ_CC) $(NATIVE_FLAGS) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $< $(NATIVE_C) -lm -o $@

# $(call need,commands,packages): install what is missing when root, say what to install otherwise.
define need
	@mkdir -p $(@D)
	@missing=; for tool in $(1); do command -v $$tool >/dev/null || missing=yes; done; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then \
			apt-get update -q && apt-get install -qy --no-install-recommends $(2); \
		else \
			echo "needs $(1); install: sudo apt-get install $(2)" >&2; exit 1; \
		fi; \
	fi
	@touch $@
endef

$(NATIVE_BUILD)/arm-tools:
	$(call need,$(ARM_CC) $(ARM_RUN),gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static)

$(NATIVE_BUILD)/fuzz-tools:
	$(call need,$(FUZZ_CC),clang libclang-rt-14-dev)
