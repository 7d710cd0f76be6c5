"""Envoy itself: its bootstrap generated from a policy, and starting and stopping it."""
