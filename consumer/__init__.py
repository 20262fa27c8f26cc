"""The event-driven consumer: overlay.completed in, Instagram posts stored and announced."""
