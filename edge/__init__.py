"""The device runtime: recognises actions in the dark, from a robot's camera, in real time.

errors, fields, shipped  the ground: errors with exit codes, YAML and JSON as checked dataclasses, shipped files
paths, utf8              what people wrote: paths with ~ and names of any bytes (and their own folders), text in UTF-8
messages, timing         told of a run: predictions and events, how long every stage takes
printable                text for terminals, systemd and journals: one line, no control characters
command, streams         how every command ends, well or not; what it says, whatever happens to its readers
files                    kept files and folders, written in one step
yaml_files               a YAML file that anybody may have written, bounded
cameras/, picture/       a frame comes in, and becomes a small, measured, corrected picture (C core: native/)
recognition/, engines/   from pictures to a decision: gate, network input, smoothing; who computes the student
bundles/, board/         what runs, a verified model, and on what: the board's facts, heat and supply
outputs/, run/           predictions and events go out; `edge-run` is put together
doctor/, deploy/         `edge-doctor` finds what is wrong; `edge-service` installs, updates, removes
native/                  the C core: kernels, and one module that binds them
"""

__version__ = "0.1.0"
