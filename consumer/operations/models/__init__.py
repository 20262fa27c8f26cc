"""Changing the models that may write: their fields and their prices."""
