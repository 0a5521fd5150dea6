"""Faces in photographs: data, detector, and their command line."""
