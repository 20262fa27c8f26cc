"""A real Prometheus beside a consumer: `python -m tests.observability`."""
