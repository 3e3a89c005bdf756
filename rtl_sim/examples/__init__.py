"""Designs of others with parts of this project in them, to start one's own from."""
