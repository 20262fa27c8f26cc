"""What operators may say of a tenant, and what is refused."""
