"""How a bundle decides, chosen from what its network says of streams: probabilities that hold, operating points.

scaling      log-probabilities become probabilities that hold
choosing     how long things last, and when to speak
command      `calibration decide`
"""
