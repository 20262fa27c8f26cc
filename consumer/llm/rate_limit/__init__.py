"""The provider's rate limits: learned from its responses, obeyed by waiting."""
