"""What an integer student is worth, verified and never assumed.

check              can this student be quantised at all?
fidelity, layers   how faithfully it answers; what each layer costs
execution, unroll  what an engine runs in integers; a stream equals its clip
verify             all of it on this machine, and what stands against writing
"""
