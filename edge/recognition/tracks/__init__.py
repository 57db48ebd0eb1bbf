"""Who is where: a look's change and flow become tracks, and each track a window that the network sees.

evidence  what speaks for a track being a person
track     a box that follows what changes, and waits where nothing does
locate    regions to tracks: claims, births, ends, the most prominent first
window    a body-sized window around a track, its velocities in body heights
"""
