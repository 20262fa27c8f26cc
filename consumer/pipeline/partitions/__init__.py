"""Which partitions this process reads: leased in Postgres (`share`), balanced among processes, polled (`leased`)."""
