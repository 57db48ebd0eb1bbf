"""Synthetic dark clips: our own articulated body, procedural motions, scenes and a simulated dark camera. No data needed."""
