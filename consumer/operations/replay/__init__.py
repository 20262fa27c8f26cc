"""Reading a range of a topic again: what is missing, what is sent or written again, and what that will cost."""
