"""Synthetic dark clips: our own body, motions, scenes and a simulated dark camera; needs no data."""
