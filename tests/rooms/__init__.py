"""The floor plan of the code, read from its imports: `make rooms` prints and draws it, test_rooms.py holds it.

order    who may import whom: the one table
reading  the code's rooms, their entries and their imports, by `ast`; nothing is imported
floors   imports between the entries of one room: which floor each stands on, which run in a circle
picture  the rooms as an SVG
__main__ the command
"""
