"""Reading a range of a topic again: what is missing, what is sent or written anew, and what that will cost."""
