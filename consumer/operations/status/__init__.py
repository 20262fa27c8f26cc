"""How the consumers of a group stand: what the database knows of them, beside what the broker has."""
