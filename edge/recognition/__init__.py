"""From frames to a decision: which become ticks, what the network sees, what its answers are worth.

chain              all of it: a bundle and a frame in, a decision out; made and reset in one place
cadence            which frames are ticks of the model, by capture time
gate               which expert sees, from the last frames' statistics
tracks/            who is where, and a body-sized window for each
inputs/            the network's input, a file for each form
recogniser         from a picture to logits
health             pictures that must not lead to a label
streams            one session of the student, a state for each track
deciding           what a bundle decides with, for the picture or for everybody in it
smoothing          probabilities over time, a label or an abstention
decoder            the same for bundles that have a decision: what goes on now, when it begins and ends
"""
