"""What is around a person.

scene        viewpoint, background, clothes, furniture and light, and the painter that draws a body among them
passers      people whose ways are told, and a curtain, as movers
layers       what moves before a wall, and a picture made of both
"""
