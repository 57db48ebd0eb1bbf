"""`edge-doctor`: looks at everything a run depends on, one file per area; says what is wrong and what repairs it."""
