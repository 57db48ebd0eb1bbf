"""An evaluation as one HTML file: tables and plots, complete in itself, nothing to load.

page      the page, and its tables for whoever makes another
pictures  wrong clips with a picture each; how accuracy on held-out clips went in training
"""
