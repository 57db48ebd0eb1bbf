"""People to render: a body's mesh and the ways that it moves.

body         proportions, skeleton, the mesh around it
motions      the actions, drawn from a seed
movement     how somebody moved, for any body: read at any time, placed, joined
sequence     several of them without a cut
"""
