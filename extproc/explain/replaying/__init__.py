"""Recorded exchanges under another policy: which decisions it would change."""
