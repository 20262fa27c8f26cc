"""Further revisions of stored posts: rewritten, parsed again, copied."""
