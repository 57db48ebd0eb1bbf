"""One file per inference engine.

Every import of onnxruntime goes through this package or after it: onnxruntime 1.31 writes a device id and a database
below ~/.cache when it is imported, and carries code to send them, unless this variable stands before.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
