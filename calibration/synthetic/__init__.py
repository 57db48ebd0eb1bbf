"""Synthetic dark clips: our own body, motions, scenes and a simulated dark camera; needs no data.

bodies/, scenery/        a person and the actions; rooms, clothes, light
dark_camera              linear light in, dark noisy pictures out
clip, splits, demo       one clip from a seed, the sets of them, the demo
nobody, truth, passing   rooms without a person; clips whose optical flow, scenes whose boxes are known
recordings/              published recordings in the form that we read
skeletons                real motion of joints on rendered bodies
real/                    real recorded bodies and real rooms, lit and taken anew
"""
