"""Handwritten digits: data, models, and their command line."""
