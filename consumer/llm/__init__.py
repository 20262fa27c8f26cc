"""Speaking to the LLM provider: one call, its errors, its pace, and whether it is well."""
