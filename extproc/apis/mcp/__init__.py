"""The Model Context Protocol: JSON-RPC messages."""
