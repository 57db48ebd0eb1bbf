"""What is around a person.

scene        viewpoint, background, clothes, furniture and light, and the painter that draws a body among them
eye          where a camera stands, and how far off somebody of a certain size is
figure       a person who moves, in clothes and light: a layer at any time
wear         what a person wears and carries
shadow       what a body takes from the light of floor and wall
passers      people whose ways are told, and a curtain, as movers
layers       what moves before a wall, and a picture made of both
courses      how something moves or changes over time, drawn once and known at any moment
movers, lights, disturbances    what moves where nobody is, light that changes, and every kind of both by name
"""
