"""Everything that is SQL: one statement per named function, errors translated once."""
