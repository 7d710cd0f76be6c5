"""JSON as it stands in bytes: where members, strings and numbers are, whole or in pieces."""
