"""What people run: commands, replays, revisions, reports. The service does not import it."""
