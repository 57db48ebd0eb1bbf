"""One file per inference engine.

base, catalogue                  what all engines' students have in common; the engines by name
onnxruntime, openvino, tensorrt  the engines
choice, stopwatch                which is quickest here: measured in turn, once, and remembered
patience                         ends a step that does not end
cache, cuda                      what was made once is kept; the few CUDA calls that TensorRT needs

Every import of an engine goes through this package or after it: onnxruntime 1.31 writes a device id and a database
below ~/.cache when it is imported, OpenVINO 2026 an id below ~/intel, and both carry code to send them, unless this
stands before.
"""

import os
import sys

NAMES = ("onnxruntime", "openvino", "tensorrt")  # the first is the default: another one has to be better
AUTO = "auto"  # whatever is fastest on this machine

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # OpenVINO then takes its own stub
