"""The provider's rate limits: learned from its answers, kept by waiting."""
