"""Programs of the house; each says what it is for."""
