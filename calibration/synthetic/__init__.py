"""Synthetic dark clips: our own body, motions, scenes and a simulated dark camera; needs no data.

body, motions, sequence  a person, the actions, several of them without a cut
scene, nobody            rooms, clothes, light; the same with nobody there
dark_camera              linear light in, dark noisy pictures out
clip, splits, demo       one clip from a seed, the sets of them, the demo
truth                    clips whose optical flow is known
relight, recordings/     real recorded bodies, lit and placed anew; published recordings in the form that it reads
"""
