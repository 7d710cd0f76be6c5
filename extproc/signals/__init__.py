"""Signals: what a policy may ask about an exchange; a registry of them, and those of one exchange."""
