"""`edge-doctor`: looks at everything a run depends on, one file per area; says what is wrong and what repairs it.

cli, findings                 the command; what a finding is
system, board, engine, model  machine, board, software that computes, bundle
cameras, settings, stream     cameras found and free, set as their profile says, and a second of real pictures
"""
