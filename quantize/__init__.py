"""From a float bundle to an INT8 bundle, and an acceptance check on lost accuracy.

cli, job          the command; from clips to every target's bundle
source, graph     what `--model` names; ONNX graphs around quantisation
normal_form       one spelling of a student, before anything else looks at it
observing/        what the float student's tensors are like, on which clips
rewriting/        the passes that make it integer
search, builds    which of them, tried on held-out clips; the builds that targets want
judging/          what an integer student is worth, and what engines really run of it
result, telling/  all that was found, in one record; told as text, JSON and HTML
"""

import edge.engines  # noqa: F401  before onnxruntime: see there
