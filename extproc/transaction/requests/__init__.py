"""Requests: admitted by their headers, read, decided about, and sent on."""
