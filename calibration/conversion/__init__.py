"""Data sets as their authors publish them, written in the forms that `relit:DIR` and `folder:DIR` read.

matlab.py reads MATLAB's files, utd_mhad.py knows one data set.
"""
