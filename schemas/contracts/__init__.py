"""The contracts as files for other tools: a JSON Schema per topic, and an AsyncAPI document.

The `.json` files beside this one are written by `instagram-feed schemas export`; those in `baseline/` are what the
next version must not break.
"""
