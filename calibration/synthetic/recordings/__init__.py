"""Recordings of people as their authors publish them, written in the form that `relit:DIR` reads.

utd_mhad  one data set: its names, its true frame rate
matlab    MATLAB's files, without SciPy
"""
