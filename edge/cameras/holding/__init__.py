"""What a live camera needs whoever its driver is: it may hang, run ahead, or go away.

opening, closing  opening may take its time and closing may hang: neither stops us
threads           a thread for a camera, or a camera that is lost for now
freshest          a reader thread that keeps the newest frame alone
held              a lost camera is a state with a beginning and an end
"""
