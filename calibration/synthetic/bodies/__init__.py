"""People to render: a body's mesh and the ways that it moves.

body         proportions, skeleton, the mesh around it
motions      the actions, drawn from a seed
sequence     several of them without a cut
"""
