"""Creating and analysing experiments."""
