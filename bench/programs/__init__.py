"""The programs that the consumer is measured against. Each reads like what it stands for."""
