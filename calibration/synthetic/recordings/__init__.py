"""Recordings of people as their authors publish them, in the forms that `relit:DIR` and `skeletons:DIR` read.

skeletons  recorded joints, as `skeletons:DIR` reads them
utd_mhad   one data set: its names, its true frame rate
matlab     MATLAB's files, without SciPy
"""
