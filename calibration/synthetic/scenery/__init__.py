"""What is around a person.

scene        viewpoint, background, clothes, furniture and light, and the painter that draws a body among them
layers       what moves before a wall, and a picture made of both
walls        what lies behind: rendered backgrounds, and films of real rooms
"""
