"""What people's commands work out about budgets."""
