"""Streams as a robot would live them, and their truth.

choice         which streams a name stands for
lived          a rendered room: people who come and go, light and camera that change
script         what shall happen in it
visits, body   a person's visit, acted; the body that does it, before the wall
recorded       real people whose motion was recorded, in such a room
played         a data set's clips end to end, with empty stretches between them
"""
