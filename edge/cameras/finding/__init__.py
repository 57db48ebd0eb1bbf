"""Which cameras this machine has, and who may use them.

listing  `edge-run --list-cameras`
access   who may open a camera's node, and who has it open
"""
