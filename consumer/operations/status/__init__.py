"""The status of a group of consumers: from the database and the broker."""
