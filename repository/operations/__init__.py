"""What people execute: listings, reports, replays, revisions, retention."""
