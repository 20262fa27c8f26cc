"""Whose fault a refusal is: one request's, which then fails, or everybody's, which pauses the work and fails none.

`many_alike` decides, `fault_finder` holds refused requests until it has, `reopener` reopens those that failed before.
"""
