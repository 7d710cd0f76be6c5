"""Exchanges at Envoy's filter before one backend: first and later attempts, and copies for mirrors."""
