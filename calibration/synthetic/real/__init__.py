"""Real people and real rooms, taken anew by a dark camera.

depth       a depth recording of a person, at its own rate
clothing    clothes and light for one recording, and its pictures at any time
relit_body  such a person as something that moves before a wall
relight     `relit:DIR`: the sets of such clips
staging     who else is there, what stands before them, how they come and go
skeletons   `skeletons:DIR`: recorded joints on rendered bodies, seen from anywhere
furniture   a seat as a layer
rooms       `rooms:DIR`: filmed rooms without people; one of them as a wall
"""
