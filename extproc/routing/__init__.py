"""From a model's name to a destination: weights, health, fallback."""
