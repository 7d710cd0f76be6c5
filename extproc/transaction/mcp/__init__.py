"""Requests on the paths of MCP servers."""
