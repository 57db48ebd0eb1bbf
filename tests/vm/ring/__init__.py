"""Tests that need a VM; `make vm-test` and `make vm-test-arm` run them."""
