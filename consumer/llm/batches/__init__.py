"""Batches at a provider: a file of requests goes there, and within a day a file of answers comes back, cheaper."""
