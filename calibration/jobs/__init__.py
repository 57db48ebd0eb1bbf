"""Work that takes long.

parallel     over processes of this machine
shards       over processes of torchrun, on several machines
progress     how far it is
"""
