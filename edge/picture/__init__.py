"""One picture: from a camera's format to a small, measured, corrected one.

frame               a frame on its way: pixels, format, number, capture time
jpeg                decoded no larger than needed
front_end           shrink, measure, correct
kernels, reference  its arithmetic in C where that was built; in NumPy, which defines it
"""
