"""The cost of an exchange, and the dynamic metadata of its usage."""
