"""The student's network.

student      the network; a clip and a stream are one code
batch_norms  without batch norms, as the device computes
quantisers   rounding as the device does
export       in ONNX, with gate and manifest
"""
