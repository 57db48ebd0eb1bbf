"""The board: what it is, how it is right now, and what is done when it is too hot.

profile      boards as data, firmware_configs/boards/*.yaml, and which one this machine is
device_tree  what the board says of itself, which decides that
state        heat, supply, throttling, read from /sys
governor     spaces out the ticks before firmware slows the whole robot down
"""
