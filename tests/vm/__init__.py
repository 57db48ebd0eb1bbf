"""The VM ring: the installed wheel on a real kernel with a real USB camera stack (docs/testing.md)."""
