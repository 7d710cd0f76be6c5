"""State that the workers of a host share, and that outlives them."""
