"""The contracts as files for other people's tools: a JSON Schema for each topic, and one AsyncAPI document.

The `.json` files beside this one are written by `instagram-feed schemas export`; those in `baseline/` are what the
newest version may not break.
"""
