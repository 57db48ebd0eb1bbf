"""What the makers of a bundle cost.

quantize     INT8: accuracy lost, agreement, seconds
calibration  reading a large data set
training     an epoch of the student
"""
