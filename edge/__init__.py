"""The device runtime: recognises actions in the dark, from a robot's camera, in real time."""

__version__ = "0.1.0"
