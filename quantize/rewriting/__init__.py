"""The passes: each takes a student's graph and gives another.

qdq, levels                  float to integer in a target's scheme; integer kernels for mean and maximum
as_trained, openvino_ir      a student that was trained with rounding; OpenVINO's own files
equalise, channels, balance  channels and branches of unlike range brought together
bias, drift                  what rounding does to a mean goes into biases
"""
