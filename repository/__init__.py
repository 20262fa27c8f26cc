"""All SQL: one statement per named function, errors translated once."""
