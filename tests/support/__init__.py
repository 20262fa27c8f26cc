"""Helpers that several levels of tests share."""
