"""The tiny bundle of edge's tests."""

from tests.edge.conftest import loaded_bundle, tiny_bundle

__all__ = ["loaded_bundle", "tiny_bundle"]
