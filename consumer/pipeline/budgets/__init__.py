"""Budgets: money is reserved before a call is made, at the most it may cost, and settled when its cost is known."""
