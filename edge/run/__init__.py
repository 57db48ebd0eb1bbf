"""`edge-run`: everything put together.

cli, config         the command; its options from YAML and command line
arguments           what a command line leaves open: which camera
pipeline            the way of a frame, from camera to outputs, around the chain
actions             when an action begins and ends
stopping            when a run shall end: a signal, a terminal that closes, so many seconds
renewal, self_test  another bundle while the camera goes on; does it work here?
"""
