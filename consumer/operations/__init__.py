"""What people run: commands, replays, revisions, reports. Nothing of the service imports it."""
