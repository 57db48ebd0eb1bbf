"""One picture: from a camera's format to a small, measured, corrected one.

frame               a frame on its way: pixels, format, number, capture time
jpeg                decoded no larger than needed
bounds, headers     how large a picture may be; what files say of themselves before they are decoded
unwritten           pictures that a decoder says it made and never did
front_end           shrink, measure, correct
motion              the motion stage's arithmetic in NumPy, which defines it
regions             regions of change, and windows on them, in NumPy, which defines them
kernels, reference  its arithmetic in C where that was built; in NumPy, which defines it
"""
