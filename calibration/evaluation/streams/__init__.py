"""A bundle in long streams, which is all that a robot ever sees: `edge-eval --stream`.

composing/     the streams and their truth
truth          the timeline: who does what from when to when, what else changes
heard          what a bundle said, tick by tick, for every threshold
command        what `edge-eval --stream` does
running        the device's pipeline over streams: in parallel, resumable
matching       what was said against what happened
judge, scores  counts of one stream; all figures of all streams
intervals      their 95 % intervals
report, page   told as text, JSON and HTML
"""
