"""What people do with prompts, callable without the command line."""
