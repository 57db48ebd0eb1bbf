"""`edge-run` as a service of a robot: its unit, its files, its store of bundles, its updates.

cli              the commands of `edge-service`
layout, files    where everything lies on a machine or in an image; files written whole or not at all
plan, settings   what an installation writes, or would; the configuration that is the user's
status, logs     how it is, and its journal: for people and for programs
record           what the service says of itself, which root does not believe unchecked
camera, reach    the camera as the service will meet it; what its sandbox lets it read
systemd, update  asking systemd; a new bundle tested and made current, or nothing changed
"""
