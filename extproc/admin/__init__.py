"""The HTTP admin port: health, readiness, metrics, status."""
