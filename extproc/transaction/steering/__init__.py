"""Steering: the messages to Envoy, the configuration that it needs for them, and the proof that it followed them."""
