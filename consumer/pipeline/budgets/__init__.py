"""Budgets: the worst case of a call is reserved before it is made, and settled once its cost is known."""
