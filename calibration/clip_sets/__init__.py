"""Data sets: what they list, what lies on disk, and how the two disagree.

clips, video       a clip that opens lazily, sets of them; video files
published, folder  sets with lists of their own (ELLAR, ARID, Dark48), and any folder of videos
listing, side      a line of such a list; what tables and names tell of camera, light, actor
text               lists and tables as people wrote them, or what is wrong in which line
labels             which label of a bundle a set's label means
roots              where downloaded data sets lie
survey, check      everything that is wrong with a set: `calibration check`
sampling           which frames of a clip a network sees
"""
