"""The limits over HTTP: every one at every door, and what they are for."""
