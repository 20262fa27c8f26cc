"""What people do with experiments, and what comes of them."""
