"""Which cameras this machine has, and who may use them.

listing  `edge-run --list-cameras`
default  the one that is taken where nobody names one
access   who may open a camera's node, and who has it open
"""
