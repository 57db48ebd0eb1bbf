"""How a bundle decides, chosen from what its network says of streams: probabilities that hold, and operating points.

scaling      logits become probabilities
"""
