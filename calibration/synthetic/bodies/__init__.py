"""People to render: a body's mesh and the ways that it moves.

body         proportions, skeleton, the mesh around it
motions      the actions, drawn from a seed
movement     how somebody moved, for any body: read at any time, placed, joined
hanging      a body on recorded joints: its own bones, feet that stand, the path that was taken
skin         the mesh of a whole clip in one go
sequence     several of them without a cut
"""
