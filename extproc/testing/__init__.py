"""Shipped to users: a playbook for transactions, a stand-in provider, a real Envoy for tests."""
