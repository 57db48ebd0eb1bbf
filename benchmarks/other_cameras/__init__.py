"""Pictures of other cameras than those that a student was trained before.

__main__    clips of unseen people as other cameras might have shown them
moving      a camera that moves: what is above the noise, with its motion and without, and what is said
"""
