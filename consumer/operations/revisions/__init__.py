"""Further revisions of stored posts: written again, read again, copied."""
