"""Checks of everything that the consumer needs to start."""
