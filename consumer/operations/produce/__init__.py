"""Sending the lines of a file as events, for `instagram-feed produce`."""
