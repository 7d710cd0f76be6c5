"""Guards from elsewhere, asked by a worker: pooled connections, bounds, breakers, and verdicts that are remembered."""
