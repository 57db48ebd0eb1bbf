"""The package on emulated ARM processors (docs/testing.md)."""
