"""Recordings of people in depth: as their authors publish them, as `relit:DIR` reads them, as they are seen anew.

depth     a recording: un-mirrored, at its own rate
relit     a body in new clothes and light, as something that moves before a wall
utd_mhad  one published data set: its names, its true frame rate
matlab    MATLAB's files, without SciPy
"""
