"""Measurements of the consumer beside other programs; `python -m bench --help` tells which."""
