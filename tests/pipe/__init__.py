"""The pipe of a response, its stages, and what becomes of a stage that fails."""
