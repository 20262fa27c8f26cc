"""Checks of everything that the consumer needs before it can begin."""
