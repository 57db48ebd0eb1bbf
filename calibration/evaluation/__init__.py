"""How good a bundle is, decided as the device decides.

cli, folds_cli       the commands `edge-eval` and `edge-folds`
options              what both of them take
evaluate, folds      a bundle on a set; folds on the people that each was trained without
streams/             long streams through the whole pipeline
variants             the chain with a gate, without, averaged, on equalised pictures
scores, protocols    rates with intervals and comparisons; the papers' tables
published_results    what the papers report, to stand beside ours
report, html/        told as text, JSON and HTML
"""
