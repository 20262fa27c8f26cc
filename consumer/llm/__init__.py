"""The LLM provider: calls, errors, rate limits, breaker and failover."""
