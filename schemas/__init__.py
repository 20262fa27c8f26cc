"""The contracts: every record that enters or leaves, as typed models with their encoding."""
