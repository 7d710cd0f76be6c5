"""Cohere's chat API, both versions."""
