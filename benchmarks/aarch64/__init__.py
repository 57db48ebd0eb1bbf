"""aarch64 without a board: under qemu's user mode, correctness and instruction counts, never times."""
