"""What the program says about itself: logs, metrics, health and readiness."""
