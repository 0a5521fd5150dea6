"""Faults that are survived, each of them made for real."""
