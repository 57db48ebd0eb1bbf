# A robot in a virtual machine, and the package on emulated ARM processors (docs/testing.md). Included by Makefile.
VM_CACHE := .cache/vm
ARM_CPUS ?= cortex-a72 cortex-a76
# What computes; the rest of tests/edge is the same Python everywhere.
ARM_TESTS ?= $(addprefix tests/edge/,picture recognition engines/test_students.py run/test_pipeline.py)
# A selection as for pytest -k; the first test (waits) installs the service and belongs to every one.
VM_TESTS ?=
RING := -m pytest tests/vm/ring -v -rP --durations=8 $(if $(VM_TESTS),-k "$(VM_TESTS)")

# So that every run of the tests has the C core on both processors (tests/arm/test_core.py).
DEBIAN += gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static

.PHONY: vm-image vm-image-arm vm-test vm-test-arm test-arm

vm-image: $(VM_CACHE)/tools $(DEV)/.installed ## Debian, its kernel and USB camera drivers for the VM (a minute, cached)
	$(BIN)/python -m tests.vm.image amd64

vm-image-arm: $(VM_CACHE)/tools $(DEV)/.installed ## the same for arm64 (minutes, cached)
	$(BIN)/python -m tests.vm.image arm64

vm-test: vm-image ## the service on a robot: a real kernel, systemd, udev, and a virtual Arducam
	VM_ARCH=amd64 $(BIN)/python $(RING)

vm-test-arm: vm-image-arm ## the same on arm64 with a Cortex-A72 (long)
	VM_ARCH=arm64 $(BIN)/python $(RING)

test-arm: vm-image-arm ## build for aarch64, run ARM_TESTS under qemu-user as each of ARM_CPUS
	$(BIN)/python -m tests.arm.run $(ARM_CPUS) -- $(ARM_TESTS)

$(VM_CACHE)/tools:
	$(call need,qemu-system-x86_64 qemu-system-aarch64 qemu-aarch64-static mmdebstrap cpio aarch64-linux-gnu-gcc depmod,\
		qemu-system-x86 qemu-system-arm qemu-user-static mmdebstrap arch-test cpio e2fsprogs kmod \
		gcc-aarch64-linux-gnu libc6-dev-arm64-cross ipxe-qemu seabios)
