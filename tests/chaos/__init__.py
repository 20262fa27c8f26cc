"""The chaos run: consumer processes under a seeded schedule of faults, and a checker of the invariants."""
