"""Budget calculations of commands."""
