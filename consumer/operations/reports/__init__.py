"""The report as a page: what is read for it, its charts, its text."""
