"""Measurements of the program and its parts."""
