"""Comparing files by the values in them. Strangers wrote them, so that they are read in a child process with limits of its own:
what breaks or fills it becomes one sentence. Only the child's modules import numpy, astropy and Pillow.
"""
