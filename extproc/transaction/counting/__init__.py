"""The counting of an exchange's tokens, and what it asks of backends and of Envoy."""
