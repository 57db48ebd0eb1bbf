"""The stages of a student's training, in order.

learner        the student with all losses that its recipe asks for
training       sources first alone, then together
quantisation   going on while it is rounded as on the device
gate_training  the gate, of a student that learns no more
"""
