"""`edge-run` as a service of a robot: its unit, its files, its store of bundles, its updates."""
