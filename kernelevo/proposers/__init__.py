"""Proposers: each writes the next candidates in its own way, and none evaluates."""
