"""Local broker, Postgres and simulated LLM for demo, tests and development."""
