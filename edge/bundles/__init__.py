"""A model as one thing: a folder or .tar that is verified before anything of it is parsed.

manifest  what a bundle says of itself, every field checked
bundle    reading and writing one: names, sizes, digests, all or nothing
store     numbered bundles on a device, one of them current; updates that may be interrupted
"""
