"""Kafka clients: built, opened, polled and published through in one place each."""
