"""A policy explained: an exchange rehearsed without Envoy, and its outcome in sentences."""
