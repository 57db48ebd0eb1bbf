"""From a float bundle to an INT8 bundle, with a gate on lost accuracy."""

import edge.engines  # noqa: F401  before onnxruntime: see there
