"""What the float student is like on real clips, before anything is rounded.

parts                      which clips calibrate, choose and judge
ranges, tensor_statistics  streaming them; what was seen of every tensor
estimators                 from that to the range of 256 levels
"""
