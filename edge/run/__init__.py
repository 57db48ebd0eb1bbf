"""`edge-run`: everything put together.

cli, config         the command; its options from YAML and command line
pipeline            the way of a frame, from camera to outputs, around the chain
renewal, self_test  another bundle while the camera goes on; does it work here?
"""
