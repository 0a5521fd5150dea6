"""Faces: photographs with a box around each face, in which detectors of the seeds learn to find faces."""
